/** Runs a job after all earlier ones of its channel have ended, well or not. */
export type RunInOrder = <T>(channel: string, job: () => Promise<T>) => Promise<T>;

/** Makes a {@link RunInOrder}: jobs of one channel run one at a time in call order, those of others beside them. */
export function createChannelOrder(): RunInOrder {
  const last = new Map<string, Promise<void>>();
  return (channel, job) => {
    const before = last.get(channel) ?? Promise.resolve();
    const result = before.then(job);
    const ended = result.then(
      () => forget(),
      () => forget(),
    );
    const forget = (): void => {
      if (last.get(channel) === ended) last.delete(channel);
    };
    last.set(channel, ended);
    return result;
  };
}
