import { MailpushError } from '../errors.js';
import type { Line, LineProcess } from './line-process.js';

/** Far longer than any step takes; past it something is wrong and nobody would ever tell. */
const stepMs = 30_000;

/** Waits for the next line with this event. */
export type AwaitStep = (process: LineProcess, event: string) => Promise<Line>;

/**
 * Makes a function that waits for steps until `signal` is aborted; then it rejects with the signal's reason. It rejects with
 * `ERR_PROCESS_ENDED` when the process ends first, and with `ERR_DEMO_FAILED` after 30 s.
 */
export function createAwaitStep(signal: AbortSignal): AwaitStep {
  return async (process, event) => {
    const giveUp = new AbortController();
    const late = setTimeout(() => {
      const sentence = `The demonstration waited ${stepMs / 1000} s for ${event}, in vain: please report this.`;
      giveUp.abort(new MailpushError('ERR_DEMO_FAILED', sentence));
    }, stepMs);
    const either = AbortSignal.any([signal, giveUp.signal]);
    const stopped = new Promise<never>((_, reject) => {
      if (either.aborted) reject(either.reason);
      either.addEventListener('abort', () => reject(either.reason), { once: true });
    });
    try {
      return await Promise.race([process.next((line) => line.event === event), stopped]);
    } finally {
      clearTimeout(late);
    }
  };
}
