import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channels, notifyErrorOf, withFolding } from '../../test/tools/notify-arbitraries.js';
import { formatRoutingHeader, parseRoutingHeader } from './routing-header.js';

const channel = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmE';

describe('an outer Email-Notify header', () => {
  it('is read as it was written, with white space and folds in it too', () => {
    const folded = channels.chain((c) =>
      withFolding(formatRoutingHeader({ channel: c })).map((value) => ({ c, value })),
    );
    fc.assert(
      fc.property(folded, ({ c, value }) => {
        expect(parseRoutingHeader(value)).toEqual({ channel: c });
      }),
    );
  });

  it('is looked at for its channel alone', () => {
    expect(parseRoutingHeader(`t=x; u=?; i=; c=${channel}; v=1; topic=a b`)).toEqual({ channel });
  });

  it.each([
    ['v=1', 'ERR_NOTIFY_HEADER_INVALID'],
    ['v=1; c=', 'ERR_NOTIFY_HEADER_INVALID'],
    [`v=1; c=${channel}x`, 'ERR_NOTIFY_HEADER_INVALID'],
    [`c=${channel}`, 'ERR_NOTIFY_HEADER_INVALID'],
    [`v=1; c=${channel}; c=${channel}`, 'ERR_NOTIFY_HEADER_INVALID'],
    [`v=2; c=${channel}`, 'ERR_NOTIFY_VERSION_UNKNOWN'],
  ])('is refused as %j', (value, code) => {
    expect(notifyErrorOf(() => parseRoutingHeader(value))?.code).toBe(code);
  });

  it('is not written without a channel', () => {
    expect(notifyErrorOf(() => formatRoutingHeader({ channel: 'x' }))?.code).toBe('ERR_NOTIFY_CHANNEL_INVALID');
  });
});
