/** The live state that pages show: the connection, and the newest values of each device heard. Charts keep their own buffers. */
import { createSlice, type PayloadAction } from "@reduxjs/toolkit";
import type { LiveEvent } from "./message";

export type Connection = "off" | "connecting" | "open" | "waiting";

export interface LiveDevice {
  time: number;
  received: number;
  values: Record<string, number>;
  events: number;
  missed: number;
}

export interface LiveState {
  connection: Connection;
  devices: Record<string, LiveDevice>;
}

const initialState: LiveState = { connection: "off", devices: {} };

const slice = createSlice({
  name: "live",
  initialState,
  reducers: {
    connectionChanged(state, action: PayloadAction<Connection>) {
      state.connection = action.payload;
    },
    /** A batch of events. An older event than the newest still counts, but does not overwrite values. */
    eventsArrived(state, action: PayloadAction<LiveEvent[]>) {
      for (const event of action.payload) {
        const device = (state.devices[event.deviceId] ??= { time: 0, received: 0, values: {}, events: 0, missed: 0 });
        device.events++;
        device.missed += event.missed;
        device.received = Math.max(device.received, event.received);
        if (event.time < device.time) continue;
        device.time = event.time;
        Object.assign(device.values, event.values);
      }
    },
    /** Forgets everything: signed out, or another organisation. */
    cleared: () => initialState,
  },
});

export const { connectionChanged, eventsArrived, cleared } = slice.actions;
export const liveReducer = slice.reducer;
