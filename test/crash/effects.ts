import { readFileSync } from 'node:fs';

/** A moment of an effect of the daemon; see `crash-point.js`. */
export interface EffectMoment {
  /** Of the story; see `scenes`. */
  readonly scene: string;
  readonly moment: 'begin' | 'end' | 'killed';
  /** What it is, and the how many-th of its kind in the scene, such as `imap UID EXPUNGE n#2`. */
  readonly name: string;
}

/** What a daemon that is run with `crash-point.js` has done so far. */
export function readEffects(file: string): readonly EffectMoment[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  // The last line may be on its way.
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as EffectMoment);
}

/** Effects that have begun and of which no end is known. */
export function openEffects(effects: readonly EffectMoment[]): readonly string[] {
  const nameOf = ({ scene, name }: EffectMoment): string => `${scene}: ${name}`;
  const ended = new Set(effects.filter(({ moment }) => moment === 'end').map(nameOf));
  return effects
    .filter(({ moment }) => moment === 'begin')
    .map(nameOf)
    .filter((name) => !ended.has(name));
}

/** Whether the daemon waits for news and has nothing else to do. */
export function isQuiet(effects: readonly EffectMoment[]): boolean {
  const lastImap = effects.findLast(({ name }) => name.startsWith('imap '));
  return lastImap?.moment === 'end' && lastImap.name.startsWith('imap IDLE') && openEffects(effects).length === 0;
}

/** What changes the mailbox: of these half of the bytes are sent as well. */
const changesMail = /^imap (UID (STORE|EXPUNGE|MOVE|COPY)|CREATE|SUBSCRIBE|APPEND)/;

/**
 * Every place where a death may make a difference, as `crash-point.js` takes it: before each effect, and after it. Where the
 * next thing that happens is the beginning of another effect, "after" is the same moment as before that one: nothing of
 * the process but its effects outlives it.
 */
export function crashPoints(effects: readonly EffectMoment[]): readonly string[] {
  return effects.flatMap(({ moment, name }, index) => {
    if (moment === 'end') return effects[index + 1]?.moment === 'begin' ? [] : [`after ${name}`];
    return [`before ${name}`, ...(changesMail.test(name) ? [`half ${name}`] : [])];
  });
}

/** Whether the app may get its last message once more: it was given it, and no record of that has been made. */
export function mayRepeat(effects: readonly EffectMoment[]): boolean {
  const isAt = (moment: string, part: RegExp) => (effect: EffectMoment) =>
    effect.moment === moment && part.test(effect.name);
  const given = effects.findLastIndex(isAt('begin', /^bus call Connector\d Message/));
  const recorded = effects.findLastIndex(isAt('end', /^store write .*put delivered/));
  return given > recorded;
}
