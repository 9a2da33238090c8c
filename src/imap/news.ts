/** Hands news of new messages to a listener, or keeps them until there is one. */
export interface News {
  /** @param arrived how many messages have come, as far as it is known. */
  tell(arrived: number): void;
  /** What was told before is told at once. */
  listen(listener: (arrived: number) => void): void;
}

/** Makes news that nobody listens to yet. */
export function createNews(): News {
  let listener: ((arrived: number) => void) | undefined;
  let untold: number | undefined;
  return {
    tell: (arrived) => {
      if (listener === undefined) untold = (untold ?? 0) + arrived;
      else listener(arrived);
    },
    listen: (next) => {
      listener = next;
      if (untold !== undefined) next(untold);
      untold = undefined;
    },
  };
}
