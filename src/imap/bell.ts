/** A promise that can be kept from outside, again and again: the server's "something changed". */
export interface Bell {
  /** @param arrived how many messages have come. */
  ring(arrived: number): void;
  /** How many messages have come since it was last answered, or undefined if it was not rung. */
  readonly waiting: number | undefined;
  /** Resolves when it has been rung since it was last answered. */
  rung(): Promise<void>;
  /** Answers it: how many messages have come since the last time, or undefined if it was not rung. */
  answer(): number | undefined;
}

/** Makes a bell that has not been rung. */
export function createBell(): Bell {
  let arrivedSince: number | undefined;
  let wake: (() => void) | undefined;
  let promise: Promise<void> | undefined;
  return {
    get waiting() {
      return arrivedSince;
    },
    ring: (arrived) => {
      arrivedSince = (arrivedSince ?? 0) + arrived;
      wake?.();
    },
    rung: () => {
      if (arrivedSince !== undefined) return Promise.resolve();
      promise ??= new Promise((resolve) => {
        wake = resolve;
      });
      return promise;
    },
    answer: () => {
      const arrived = arrivedSince;
      arrivedSince = undefined;
      wake = undefined;
      promise = undefined;
      return arrived;
    },
  };
}
