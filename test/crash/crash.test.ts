import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEachMailServer } from '../mail-servers/index.js';
import { fillMailbox } from '../system/ordinary-mail.js';
import { crashPoints, type EffectMoment, mayRepeat } from './effects.js';
import { type CrashPlan, createStage, type Stage } from './stage.js';
import { type AppServers, createAppServers, play, type Run, scenes } from './story.js';

/** Most of the time a run waits for the mail server to announce something. */
const stagesPerServer = 4;

/**
 * Plans that together kill once in every place: in each run in one place of each scene, as long as there are any, so that
 * every crash is behind the recovery from the one before. The first start has so many that a run has two of them, one
 * late in the start that follows the one early in it.
 */
function crashPlans(effects: readonly EffectMoment[]): readonly CrashPlan[] {
  const [first = [], ...others] = scenes.map((scene) =>
    crashPoints(effects.filter((effect) => effect.scene === scene)),
  );
  const runs = Math.max(Math.ceil(first.length / 2), ...others.map(({ length }) => length));
  return Array.from({ length: runs }, (_, run) => {
    const points = [[first[run], first[run + runs]], ...others.map((list) => [list[run]])];
    const known = points.map((list) => list.filter((point) => point !== undefined));
    return Object.fromEntries(scenes.map((scene, index) => [scene, known[index] ?? []]));
  });
}

/** Where the daemon was really killed, in the order of the plan. */
function killedAt({ lives }: Run): readonly string[] {
  return lives.flatMap((effects) => effects.filter(({ moment }) => moment === 'killed').map(({ name }) => name));
}

describeEachMailServer('a crash', { on: ({ name }) => name === 'Dovecot' || name === 'GreenMail' }, (kind) => {
  const stages: Stage[] = [];
  let appServers: AppServers;
  let undisturbed: Run;

  beforeAll(async () => {
    appServers = await createAppServers();
    const make = async (): Promise<void> => {
      const stage = await createStage(kind);
      stages.push(stage);
      await fillMailbox(stage.server);
    };
    await Promise.all(Array.from({ length: stagesPerServer }, make));
  });

  afterAll(async () => {
    for (const stage of stages) await stage.stop();
  });

  /** What is wrong with the end of a run. */
  async function faultsOf(stage: Stage, plan: CrashPlan): Promise<readonly string[]> {
    const faults: string[] = [];
    try {
      const planned = Object.values(plan)
        .flat()
        .map((point) => point.replace(/^\w+ /, ''));
      let run = await play(stage, appServers, plan);
      // Effects that overlap come in another order now and then, and one of them may fall into the next scene.
      if (killedAt(run).join() !== planned.join()) run = await play(stage, appServers, plan);
      expect(killedAt(run)).toEqual(planned);
      expect(run.end).toEqual(undisturbed.end);
      const repeated = [...run.heard].filter(([, ids]) => ids.length > 1);
      const allowed = run.lives.filter((effects) => effects.at(-1)?.moment === 'killed' && mayRepeat(effects));
      if (repeated.length > allowed.length) faults.push('The app got more twice than it may.');
      for (const [message, ids] of repeated) {
        if (ids.length > 2 || new Set(ids).size > 1) faults.push(`The app got ${message} as ${ids}.`);
      }
    } catch (error) {
      faults.push(String(error));
    }
    return faults.map((fault) => `${fault} ${JSON.stringify(plan)}`);
  }

  it('in any place, and the end is as it would have been', { timeout: 600_000 }, async () => {
    const [first] = stages;
    if (first === undefined) throw new Error('There is no stage.');
    undisturbed = await play(first, appServers);
    const [effects = []] = undisturbed.lives;
    expect(undisturbed.end).toMatchObject({
      changedMail: {},
      messages: ['next: next', 'token: copied', 'token: with key', 'token: without key'],
      delivered: ['next: next', 'token: copied', 'token: with key', 'token: without key'],
      registrations: [
        { token: 'next', retired: false, pinned: true },
        { token: 'token', retired: true, pinned: true },
      ],
      open: 0,
      unseen: 0,
      isFarewellSaid: true,
    });
    expect(undisturbed.end.newMail.INBOX).toHaveLength(2);
    const open = [...crashPlans(effects)];
    // Of each kind of effect there has to be one, or the seam has come loose.
    for (const kind of ['file', 'store', 'bus', 'imap']) {
      expect(open.flatMap((plan) => Object.values(plan).flat()).join('\n')).toMatch(new RegExp(`^\\w+ ${kind} `, 'm'));
    }
    const faults: string[] = [];
    await Promise.all(
      stages.map(async (stage) => {
        for (let plan = open.shift(); plan !== undefined; plan = open.shift()) {
          faults.push(...(await faultsOf(stage, plan)));
        }
      }),
    );
    expect(faults).toEqual([]);
  });
});
