/** The last minutes of one device, one column a measurement, ordered by event time: what a live chart draws from. */
export class LiveBuffer {
  readonly times: number[] = [];
  readonly columns = new Map<string, Array<number | null>>();
  /** Grows with every change, so that a chart knows whether to read again. */
  version = 0;

  constructor(private readonly keepMs: number) {}

  /** Adds an event. Late ones are put in their place, the same instant twice is merged, old ones fall out. */
  add(time: number, values: Record<string, number>) {
    let at = this.times.length;
    while (at > 0 && this.times[at - 1]! > time) at--;
    if (at > 0 && this.times[at - 1] === time) at--;
    else {
      this.times.splice(at, 0, time);
      for (const column of this.columns.values()) column.splice(at, 0, null);
    }
    for (const [name, value] of Object.entries(values)) this.column(name)[at] = value;
    this.trim();
    this.version++;
  }

  /** A measurement's times and values without the instants at which it was absent. */
  read(measurement: string): { times: number[]; values: number[] } {
    const column = this.columns.get(measurement) ?? [];
    const times: number[] = [];
    const values: number[] = [];
    for (let i = 0; i < column.length; i++) {
      const value = column[i];
      if (value === null || value === undefined) continue;
      times.push(this.times[i]!);
      values.push(value);
    }
    return { times, values };
  }

  private column(name: string): Array<number | null> {
    let column = this.columns.get(name);
    if (!column) {
      column = this.times.map(() => null);
      this.columns.set(name, column);
    }
    return column;
  }

  private trim() {
    const newest = this.times[this.times.length - 1] ?? 0;
    let gone = 0;
    while (gone < this.times.length && this.times[gone]! < newest - this.keepMs) gone++;
    if (gone === 0) return;
    this.times.splice(0, gone);
    for (const column of this.columns.values()) column.splice(0, gone);
  }
}
