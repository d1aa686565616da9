/** The Redux store: live state only. What a server can be asked again lives in the query cache. */
import { configureStore } from "@reduxjs/toolkit";
import { useDispatch, useSelector } from "react-redux";
import { liveReducer, type LiveState } from "./slice";

export const store = configureStore({ reducer: { live: liveReducer } });

export const useLiveDispatch = useDispatch.withTypes<typeof store.dispatch>();
export const useLiveState = useSelector.withTypes<{ live: LiveState }>();
