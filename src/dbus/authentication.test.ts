import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Authentication } from './authentication.js';
import { BusError } from './errors.js';

const guid = '0123456789abcdef0123456789abcdef';

it('offers the user id as EXTERNAL', () => {
  expect(new Authentication(1000).opening.toString('latin1')).toBe('\0AUTH EXTERNAL 31303030\r\n');
});

it('is done at the OK, whole or byte by byte, and hands on what follows', () => {
  const answer = Buffer.from(`OK ${guid}\r\nrest`);
  expect(new Authentication(0).push(answer)).toEqual({ done: true, guid, rest: Buffer.from('rest') });
  const slow = new Authentication(0);
  const steps = [...answer.subarray(0, -4)].map((byte) => slow.push(Buffer.of(byte)));
  expect(steps.slice(0, -1).every((step) => !step.done)).toBe(true);
  expect(steps.at(-1)).toEqual({ done: true, guid, rest: Buffer.alloc(0) });
});

it.each(['REJECTED EXTERNAL\r\n', 'ERROR\r\n', 'OK\r\n', 'OK short\r\n', '\r\n', 'x'.repeat(2000)])(
  'takes %j for a refusal',
  (answer) => {
    expect(() => new Authentication(0).push(Buffer.from(answer))).toThrow(
      expect.objectContaining({ code: 'ERR_BUS_AUTH', disposition: 'action-required' }),
    );
  },
);

it('throws nothing but typed errors', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (chunks) => {
      const authentication = new Authentication(0);
      try {
        for (const chunk of chunks) authentication.push(Buffer.from(chunk));
      } catch (error) {
        expect(error).toBeInstanceOf(BusError);
      }
    }),
  );
});
