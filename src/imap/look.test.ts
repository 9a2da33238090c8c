import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRoutingHeader } from './look.js';
import { maxHeaderBytes } from './wire-guard.js';

const channel = 'Q2hhbm5lbHMgYXJlIHJhbmRvbS4';
const read = (text: string): string | undefined => readRoutingHeader(Buffer.from(text, 'latin1'));

describe('the channel of a message', () => {
  it.each([
    ['as it is composed', `Email-Notify: v=1; c=${channel}\r\n\r\n`],
    ['without the empty line behind it', `Email-Notify: v=1; c=${channel}\r\n`],
    ['without any line end', `Email-Notify: v=1; c=${channel}`],
    ['with bare line feeds', `Email-Notify: v=1; c=${channel}\n\n`],
    ['folded', `Email-Notify:\r\n v=1;\r\n\tc=${channel}\r\n\r\n`],
    ['in another case', `EMAIL-NOTIFY: V=1; C=${channel}\r\n\r\n`],
    ['with a space before the colon', `Email-Notify : v=1; c=${channel}\r\n\r\n`],
    ['with attributes of a later time', `Email-Notify: v=1; x=y; c=${channel}\r\n\r\n`],
  ])('is read from a header %s', (_, header) => {
    expect(read(header)).toBe(channel);
  });

  it.each([
    ['that is missing', '\r\n'],
    ['of no bytes', ''],
    ['that comes twice', `Email-Notify: v=1; c=${channel}\r\nEmail-Notify: v=1; c=${channel}\r\n\r\n`],
    ['next to another', `Email-Notify: v=1; c=${channel}\r\nSubject: x\r\n\r\n`],
    ['after another', `Subject: x\r\nEmail-Notify: v=1; c=${channel}\r\n\r\n`],
    ['of another name', `X-Email-Notify: v=1; c=${channel}\r\n\r\n`],
    ['of another version', `Email-Notify: v=2; c=${channel}\r\n\r\n`],
    ['without a channel', 'Email-Notify: v=1\r\n\r\n'],
    ['with half a channel', 'Email-Notify: v=1; c=Q2hhbm5l\r\n\r\n'],
    ['with two channels', `Email-Notify: v=1; c=${channel}; c=${channel}\r\n\r\n`],
    ['with a bare carriage return', `Email-Notify: v=1;\rc=${channel}\r\n\r\n`],
  ])('is not read from a header %s', (_, header) => {
    expect(read(header)).toBeUndefined();
  });

  it('is not read from what was cut off, though it may look whole', () => {
    const line = `Email-Notify: v=1; c=${channel}`;
    const padded = (length: number): string => `${line};${' '.repeat(length - line.length - 1)}`;
    expect(readRoutingHeader(Buffer.from(padded(500)))).toBe(channel);
    expect(readRoutingHeader(Buffer.from(padded(maxHeaderBytes)))).toBeUndefined();
    expect(readRoutingHeader(Buffer.from(padded(200_000)))).toBeUndefined();
  });

  it('is a channel or nothing, whatever the bytes', () => {
    const block = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ unit: 'binary', maxLength: 80 }).map((text) => Buffer.from(`Email-Notify: ${text}\r\n\r\n`)),
      fc
        .array(fc.constantFrom('Email-Notify:', ' ', '\r\n', '\t', 'v=1', ';', 'c=', channel, '=', 'x'))
        .map((parts) => Buffer.from(parts.join(''))),
    );
    fc.assert(
      fc.property(block, (bytes) => {
        expect(readRoutingHeader(bytes) ?? channel).toMatch(/^[A-Za-z0-9_-]{27}$/);
      }),
    );
  });
});
