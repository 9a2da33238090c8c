import { describe, expect, it } from 'vitest';
import { onAbort, unlessAborted } from './abort.js';

const reason = new Error('enough');

describe('a callback for an abort', () => {
  it('is called once, at once if it comes too late', () => {
    const controller = new AbortController();
    let calls = 0;
    const forget = onAbort(controller.signal, () => {
      calls += 1;
    });
    controller.abort();
    expect(calls).toBe(1);
    forget();
    onAbort(controller.signal, () => {
      calls += 1;
    });
    expect(calls).toBe(2);
  });

  it('is not called when it was taken back', () => {
    const controller = new AbortController();
    onAbort(controller.signal, () => expect.fail('called'))();
    controller.abort();
  });
});

describe('a promise that may be aborted', () => {
  it('brings its value or its error', async () => {
    const { signal } = new AbortController();
    await expect(unlessAborted(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(unlessAborted(Promise.reject(reason), signal)).rejects.toBe(reason);
  });

  it('is waited for no longer than until the abort', async () => {
    const controller = new AbortController();
    const waiting = unlessAborted(new Promise(() => {}), controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(unlessAborted(new Promise(() => {}), controller.signal)).rejects.toBe(reason);
  });

  it('may fail later without anybody hearing of it', async () => {
    const controller = new AbortController();
    let fail = (_: Error): void => {};
    const late = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const waiting = unlessAborted(late, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    fail(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});
