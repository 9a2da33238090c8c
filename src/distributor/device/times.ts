/** How long things may take on the system bus, in milliseconds. */
export interface DeviceTimes {
  /** Connecting; a local socket answers at once or hangs. */
  readonly connectMs: number;
  /** Reading the state from a service that runs. */
  readonly readMs: number;
  /** Between two reads from one service, however many changes it tells. */
  readonly pauseMs: number;
  /** Until a service that has not answered properly is asked again, if it does not speak before. */
  readonly retryMs: number;
  /** Until a service is asked again in any case, should a signal ever be missed. */
  readonly rereadMs: number;
  /** Until the bus is tried again the first time; it doubles each time. */
  readonly reconnectFirstMs: number;
  readonly reconnectMaxMs: number;
}

/** Nothing here is urgent: what is late is only that something is held, or not yet. */
export const deviceTimes: DeviceTimes = {
  connectMs: 5_000,
  readMs: 5_000,
  pauseMs: 250,
  retryMs: 60_000,
  rereadMs: 3_600_000,
  reconnectFirstMs: 1_000,
  reconnectMaxMs: 300_000,
};
