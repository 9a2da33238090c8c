import { expect, it } from 'vitest';
import { createManualTime } from '../../test/tools/manual-time.js';
import { sleepAwake } from './sleep-awake.js';

function start() {
  const time = createManualTime();
  const controller = new AbortController();
  let ended: 'no' | 'slept' | 'aborted' = 'no';
  const sleeping = sleepAwake(540_000, time.runtime, controller.signal).then(
    () => {
      ended = 'slept';
    },
    () => {
      ended = 'aborted';
    },
  );
  const turn = async (act: () => void): Promise<void> => {
    act();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { time, controller, sleeping, turn, ended: () => ended };
}

it('lasts as long as it is asked to', async () => {
  const { time, turn, ended } = start();
  for (let halfMinute = 0; halfMinute < 17; halfMinute += 1) await turn(() => time.pass(30_000));
  await turn(() => time.pass(29_999));
  expect(ended()).toBe('no');
  await turn(() => time.pass(1));
  expect(ended()).toBe('slept');
  expect(time.sleepers()).toEqual([]);
});

it('ends soon after the machine was asleep', async () => {
  const { time, turn, ended } = start();
  await turn(() => time.pass(30_000));
  await turn(() => time.pass(1000));
  await turn(() => time.suspend(3_600_000));
  expect(ended()).toBe('no');
  await turn(() => time.pass(29_000));
  expect(ended()).toBe('slept');
});

it('lasts on when the clock is only set', async () => {
  const { time, turn, ended } = start();
  await turn(() => time.suspend(9000));
  await turn(() => time.pass(30_000));
  await turn(() => time.suspend(-3_600_000));
  await turn(() => time.pass(30_000));
  expect(ended()).toBe('no');
});

it('ends with an abort and leaves no timer', async () => {
  const { time, controller, sleeping, ended } = start();
  controller.abort();
  await sleeping;
  expect(ended()).toBe('aborted');
  expect(time.sleepers()).toEqual([]);
});
