import type { Runtime } from '../../runtime.js';
import { nextDue } from './due.js';
import { isRecordedAlike } from './record.js';
import type { Effect, GatewayState, Happening } from './state.js';
import { step } from './step.js';

/** What a {@link Machine} works with. */
export interface MachineOptions {
  /** Does what `step` asks for, and says what came of it. Rejects only when `signal` is aborted, and soon then. */
  readonly perform: (effect: Effect, signal: AbortSignal) => Promise<Happening | undefined>;
  /** Writes down what has to be remembered. */
  readonly save: () => Promise<void>;
  /** Told of every new state. */
  readonly changed: (state: GatewayState) => void;
  readonly runtime: Runtime;
}

/** Drives one gateway: `step` decides, `perform` does. */
export interface Machine {
  readonly state: GatewayState;
  /**
   * Takes in what has happened. Before it is started nothing is taken in.
   *
   * @returns whether what has to be remembered is on disk. If not, it is written again and again, and what was to be done is
   * done after that.
   */
  dispatch(happening: Happening): Promise<boolean>;
  /** Works until `signal` is aborted; resolves when nothing is under way any more, so that the store can be closed. */
  run(signal: AbortSignal): Promise<void>;
}

/** The clock may be changed, and the machine may sleep: the time is looked at that often. */
const longestSleepMs = 5 * 60_000;

/** Makes it. */
export function createMachine(initial: GatewayState, { perform, save, changed, runtime }: MachineOptions): Machine {
  let state = initial;
  let ended: AbortSignal | undefined;
  let timer = new AbortController();
  const underWay = new Set<Promise<void>>();

  const chance = (): number => (runtime.randomBytes(1)[0] ?? 0) / 255;

  async function dispatch(happening: Happening): Promise<boolean> {
    if (ended === undefined || ended.aborted) return false;
    const now = runtime.now();
    const before = state;
    const next = step(state, { ...happening, now, chance: chance() });
    state = next.state;
    changed(state);
    arm(now);
    const isSaved = isRecordedAlike(before, state) || (await isWritten());
    if (isSaved) for (const effect of next.effects) follow(act(effect, ended));
    else follow(actLater(next.effects, ended));
    return isSaved;
  }

  async function isWritten(): Promise<boolean> {
    try {
      await save();
      return true;
    } catch (err) {
      runtime.log.debug({ event: 'gateway.unwritten', err }, 'What a gateway has given is written down later.');
      return false;
    }
  }

  async function actLater(effects: readonly Effect[], signal: AbortSignal): Promise<void> {
    do {
      await runtime.sleep(state.times.diskMs, signal).catch(() => {});
      if (signal.aborted) return;
    } while (!(await isWritten()));
    for (const effect of effects) follow(act(effect, signal));
  }

  function follow(work: Promise<void>): void {
    const followed = work.finally(() => underWay.delete(followed));
    underWay.add(followed);
  }

  async function act(effect: Effect, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const happening = await perform(effect, signal).catch(() => undefined);
    if (happening !== undefined) await dispatch(happening);
  }

  function arm(now: number): void {
    timer.abort();
    if (ended === undefined || ended.aborted) return;
    timer = new AbortController();
    const ms = Math.min(longestSleepMs, (nextDue(state, now) ?? Number.POSITIVE_INFINITY) - now);
    runtime.sleep(ms, AbortSignal.any([ended, timer.signal])).then(
      () => dispatch({ type: 'time passed' }),
      () => {},
    );
  }

  return {
    get state() {
      return state;
    },
    dispatch,
    run: async (signal) => {
      ended = signal;
      await dispatch({ type: 'time passed' });
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      while (underWay.size > 0) await Promise.race(underWay);
    },
  };
}
