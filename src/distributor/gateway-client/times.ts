import type { Limit } from '../delivery/index.js';

/** How often a gateway is asked, in milliseconds unless it says otherwise. */
export interface GatewayTimes {
  /** A grant mail lives an hour, and clocks may differ by ten minutes: only then is another one asked for. It doubles each time. */
  readonly repeatGrantMs: number;
  readonly repeatGrantMaxMs: number;
  /** So many grant mails in 24 hours a gateway sends at most (docs/gateway.md, Limits). */
  readonly grantsPerDay: number;
  /** Between two looks at whether an endpoint is still good. */
  readonly checkMs: number;
  /** The first look after a start, spread over this time. */
  readonly firstCheckMs: number;
  /** After a failure that passes by itself; it doubles each time. */
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** After an answer that only somebody can change; it doubles each time. */
  readonly refusedFirstMs: number;
  readonly refusedMaxMs: number;
  /** No gateway is obeyed that asks for a longer pause (RFC 9110 §10.2.3). */
  readonly retryAfterMaxMs: number;
  /** Until an endpoint that the gateway would not seal is shown to it again. */
  readonly unsealableMs: number;
  /** Until the disk is tried again. */
  readonly diskMs: number;
  /** What is renewed is not renewed sooner than that. */
  readonly renewMinMs: number;
  /** How long nothing is said of a gateway in trouble while every app has an endpoint that works. */
  readonly patienceMs: number;
  /** So many endpoints one app may have sealed. */
  readonly sealsOfApp: Limit;
  /** Requests at once. */
  readonly atOnce: number;
  /** Requests in a minute. */
  readonly perMinute: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** For a gateway that keeps the limits of docs/gateway.md. */
export const gatewayTimes: GatewayTimes = {
  repeatGrantMs: 70 * minuteMs,
  repeatGrantMaxMs: 6 * hourMs,
  grantsPerDay: 5,
  checkMs: dayMs,
  firstCheckMs: 10 * minuteMs,
  retryFirstMs: 5_000,
  retryMaxMs: 15 * minuteMs,
  refusedFirstMs: 5 * minuteMs,
  refusedMaxMs: 6 * hourMs,
  retryAfterMaxMs: dayMs,
  unsealableMs: dayMs,
  diskMs: 15_000,
  renewMinMs: minuteMs,
  patienceMs: hourMs,
  // Twice as many as it can have registrations; in a day no more than a third of what a gateway allows to all.
  sealsOfApp: { atOnce: 200, perHour: 5 },
  atOnce: 4,
  perMinute: 60,
};
