import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channels, notifyErrorOf, withFolding } from '../../test/tools/notify-arbitraries.js';
import { findChannels, formatRoutingHeader, parseRoutingHeader } from './routing-header.js';

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

describe('findChannels', () => {
  const other = 'b'.repeat(27);

  it('finds the channel in what a server answers', () => {
    expect(findChannels(Buffer.from(`EMAIL-NOTIFY:\r\n v=1;\r\n\tc=${channel}\r\n\r\n`))).toEqual([channel]);
    expect(findChannels(Buffer.from(`Email-Notify: v=1; c=${channel}\n`))).toEqual([channel]);
    expect(findChannels(Buffer.from(`Email-Notify: v=1; c=${channel}`))).toEqual([channel]);
  });

  it('finds each channel once and passes over what is none', () => {
    const lines = [
      'Subject: Email-Notify: v=1',
      `Email-Notify: v=1; c=${channel}`,
      `Email-Notify: v=1; c=${other}`,
      `Email-Notify: v=1; c=${channel}`,
      `Email-Notify: v=2; c=${'c'.repeat(27)}`,
      'Email-Notify: nonsense',
      'no field at all',
      '',
      `Email-Notify: v=1; c=${'d'.repeat(27)}`,
    ];
    expect(findChannels(Buffer.from(lines.join('\r\n')))).toEqual([channel, other]);
  });

  it('finds nothing in nothing, and throws on no bytes', () => {
    expect(findChannels(new Uint8Array())).toEqual([]);
    const prefix = Buffer.from('Email-Notify: v=1; c=');
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(findChannels(Buffer.concat([prefix, bytes]))).toEqual([]);
      }),
    );
  });
});
