import { expect, it } from 'vitest';
import { createBell } from './bell.js';

it('wakes whoever waits, and whoever comes when it has been rung', async () => {
  const bell = createBell();
  const waiting = bell.rung();
  bell.ring(1);
  await waiting;
  await bell.rung();
});

it('adds up what arrived until it is answered', () => {
  const bell = createBell();
  expect(bell.answer()).toBeUndefined();
  bell.ring(2);
  bell.ring(0);
  bell.ring(3);
  expect(bell.answer()).toBe(5);
  expect(bell.answer()).toBeUndefined();
  bell.ring(0);
  expect(bell.answer()).toBe(0);
});

it('can be rung again after it was answered', async () => {
  const bell = createBell();
  bell.ring(1);
  bell.answer();
  let woken = false;
  const waiting = bell.rung().then(() => {
    woken = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(woken).toBe(false);
  bell.ring(1);
  await waiting;
});
