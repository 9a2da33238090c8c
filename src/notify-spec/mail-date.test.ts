import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dates, notifyErrorOf } from '../../test/tools/notify-arbitraries.js';
import { expiryDate, formatMailDate } from './mail-date.js';

const day = 86_400_000;

it('writes a date in UTC and to the second', () => {
  expect(formatMailDate(new Date(1_767_342_600_999))).toBe('Fri, 02 Jan 2026 08:30:00 +0000');
});

it('writes dates that are read again', () => {
  fc.assert(
    fc.property(dates, (date) => {
      expect(formatMailDate(date)).toMatch(/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000$/);
      expect(new Date(formatMailDate(date))).toEqual(date);
    }),
  );
});

it.each([Number.NaN, -1, 253_402_300_800_000, 8.64e15])('writes no date of %d ms', (ms) => {
  expect(notifyErrorOf(() => formatMailDate(new Date(ms)))?.code).toBe('ERR_NOTIFY_MAIL_FIELD_INVALID');
});

it('lets a mail expire at the first midnight UTC after its TTL', () => {
  fc.assert(
    fc.property(dates, fc.integer({ min: 0, max: 2_419_200 }), (date, ttlSeconds) => {
      const end = date.getTime() + ttlSeconds * 1000;
      const expiry = expiryDate(date, ttlSeconds).getTime();
      expect(expiry % day).toBe(0);
      expect(expiry - end).toBeGreaterThanOrEqual(0);
      expect(expiry - end).toBeLessThan(day);
    }),
  );
});
