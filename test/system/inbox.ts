import type { PushMessage, Registration } from '../../src/connector/index.js';

/** The pushes of a registration, one after another. */
export interface Inbox {
  /** Takes the next push and accepts it; for a slow app after `before` is done. */
  next(before?: () => Promise<unknown>): Promise<PushMessage>;
  /** The same as text. */
  nextText(before?: () => Promise<unknown>): Promise<string>;
}

/** Opens it; there is one for each registration. */
export function openInbox(registration: Registration): Inbox {
  const messages = registration.messages()[Symbol.asyncIterator]();
  async function next(before?: () => Promise<unknown>): Promise<PushMessage> {
    const result = await messages.next();
    if (result.done === true) throw new Error('The registration has ended.');
    await before?.();
    result.value.accept();
    return result.value;
  }
  return { next, nextText: async (before) => Buffer.from((await next(before)).data).toString() };
}
