import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MessageRef } from '../../imap/index.js';
import { nextDue } from './schedule.js';
import {
  type ChannelState,
  type DeliveryEvent,
  type Effect,
  initialChannelState,
  type Pin,
  type Verdict,
} from './state.js';
import { step } from './step.js';

type Happening = DeliveryEvent extends infer Event ? (Event extends unknown ? Omit<Event, 'now'> : never) : never;

const pin: Pin = { fingerprint: 'b'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([2]) };
const ttlMs = 40 * 60_000;

/** What a mail turns out to be once it is opened. */
type Kind = 'push' | 'copy of the first' | 'unreadable' | 'refused' | 'no handshake' | 'early';

interface Mail {
  readonly kind: Kind;
  readonly id: string;
}

/**
 * A mailbox, a disk and an app around one channel, all of which answer when and how they like; and the rules that must
 * hold whatever they do.
 */
class World {
  now = 1_800_000_000_000;
  readonly start = this.now;
  readonly early = this.now + ttlMs / 2;
  mailbox = new Map<number, Mail>();
  uidValidity = 1;
  readonly disk = { delivered: new Set<string>(), pin: undefined as Pin | undefined };
  readonly app: string[] = [];
  readonly left = new Set<Mail>();
  lastUid = 0;
  mails = 0;
  crashes = 0;
  retired = false;
  state: ChannelState = this.fresh();
  asked: Effect[] = [];

  fresh(): ChannelState {
    return initialChannelState({ pin: this.disk.pin, retired: this.retired, keepRejected: false });
  }

  at(uid: number): MessageRef {
    return { folder: 'INBOX', uidValidity: `${this.uidValidity}`, uid };
  }

  /** The mail behind a reference; none when it is gone, or when the reference is from before a renumbering. */
  mailAt(message: MessageRef): Mail | undefined {
    return message.uidValidity === `${this.uidValidity}` ? this.mailbox.get(message.uid) : undefined;
  }

  arrive(kind: Kind): void {
    this.mails += 1;
    this.lastUid += 1;
    // The first is a push, so that its copies have something to be copies of.
    const mail: Mail = { kind: this.mails === 1 ? 'push' : kind, id: `id${this.mails}` };
    this.mailbox.set(this.lastUid, kind === 'copy of the first' ? { ...mail, id: 'id1' } : mail);
    this.run({ type: 'found', messages: [this.at(this.lastUid)] });
  }

  renumber(): void {
    const mails = [...this.mailbox.values()];
    this.mailbox = new Map(mails.map((mail, index) => [index + 1, mail]));
    this.lastUid = mails.length;
    this.uidValidity += 1;
    this.run({ type: 'renumbered', folder: 'INBOX' });
    this.look();
  }

  run(event: Happening): void {
    const next = step(this.state, { ...event, now: this.now });
    this.state = next.state;
    for (const effect of next.effects) {
      this.check(effect);
      const mail = this.mailAt(effect.message);
      if (effect.type !== 'leave') this.asked.push(effect);
      else if (mail !== undefined) this.left.add(mail);
    }
  }

  check(effect: Effect): void {
    if (effect.type === 'deliver') {
      expect(this.retired, 'nothing is delivered after the end of the registration').toBe(false);
      expect(this.disk.delivered.has(effect.push.id), 'nothing is delivered twice').toBe(false);
      expect(
        this.asked.some(({ type }) => type === 'deliver'),
        'one at a time',
      ).toBe(false);
    }
    const mail = this.mailAt(effect.message);
    if (effect.type !== 'remove' || mail === undefined) return;
    expect(mail.kind, 'what is not ours stays').not.toBe('unreadable');
    if (mail.kind === 'refused') return;
    const isOver = this.retired || this.now >= this.start + ttlMs;
    expect(isOver || this.disk.delivered.has(mail.id), 'a push leaves only after its app has it').toBe(true);
  }

  verdict({ kind, id }: Mail): Verdict {
    const liveUntil = this.start + ttlMs;
    if (kind === 'unreadable') return { kind: 'unreadable', reason: 'not for us' };
    if (this.state.retired) return { kind: 'retired' };
    if (kind === 'refused') return { kind: 'refused', reason: 'unsigned' };
    if (kind === 'no handshake' && this.state.pin === undefined) return { kind: 'waiting for key', until: liveUntil };
    if (this.disk.delivered.has(id)) return { kind: 'duplicate' };
    if (liveUntil <= this.now) return { kind: 'expired' };
    const times = { liveUntil, rememberUntil: liveUntil };
    if (kind === 'early' && this.now < this.early) {
      return { kind: 'early', notBefore: this.early, until: liveUntil };
    }
    const push = { id, payload: new Uint8Array([1]), urgency: 'normal' as const, topic: undefined, ...times };
    return { kind: 'deliverable', push, pin: this.state.pin === undefined ? pin : undefined };
  }

  /** Answers the `index`-th thing that was asked for: well, or badly. */
  answer(index: number, well: boolean): void {
    const [effect] = this.asked.splice(index % Math.max(1, this.asked.length), 1);
    if (effect === undefined || effect.type === 'leave') return;
    const { message } = effect;
    const mail = this.mailAt(message);
    switch (effect.type) {
      case 'open':
        return mail === undefined
          ? this.run({ type: 'gone', message })
          : well
            ? this.run({ type: 'opened', message, verdict: this.verdict(mail) })
            : this.run({ type: 'open failed', message, refused: index % 2 === 0 });
      case 'deliver':
        if (well) this.app.push(effect.push.id);
        return this.run({ type: well ? 'accepted' : index % 2 === 0 ? 'refused by app' : 'app unreachable', message });
      case 'record':
        if (!well) return this.run({ type: 'record failed', message });
        if (effect.outcome.kind === 'delivered') this.disk.delivered.add(effect.outcome.id);
        this.disk.pin ??= effect.pin;
        return this.run({ type: 'recorded', message });
      case 'remove':
        if (!well) return this.run({ type: 'remove failed', message, refused: index % 2 === 0 });
        if (mail !== undefined) this.mailbox.delete(message.uid);
        return this.run({ type: 'removed', message });
    }
  }

  look(): void {
    for (const [uid, mail] of this.mailbox) {
      if (!this.left.has(mail)) this.run({ type: 'found', messages: [this.at(uid)] });
    }
  }

  crash(): void {
    this.crashes += 1;
    this.asked = [];
    this.state = this.fresh();
    this.look();
  }

  /** Everything answers well from now on, and time goes by. */
  settle(): void {
    this.look();
    this.run({ type: 'app appeared' });
    for (let turns = 0; turns < 5000; turns += 1) {
      if (this.asked.length > 0) {
        this.answer(0, true);
        continue;
      }
      const due = nextDue(this.state, this.now);
      if (due === undefined) return;
      this.now = due;
      this.run({ type: 'time passed' });
    }
    throw new Error('It never comes to rest.');
  }
}

const kind = fc.constantFrom<Kind>(
  'push',
  'push',
  'push',
  'copy of the first',
  'unreadable',
  'refused',
  'no handshake',
  'early',
);
const happening = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('mail' as const), kind }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('answer' as const), index: fc.nat(20), well: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.nat(600_000) }) },
  fc.record({
    do: fc.constantFrom('crash' as const, 'reconnect' as const, 'renumber' as const, 'app appeared' as const),
  }),
  fc.record({ do: fc.constant('expunge' as const), uid: fc.integer({ min: 1, max: 10 }) }),
);

function play(world: World, happenings: readonly (typeof happening extends fc.Arbitrary<infer T> ? T : never)[]): void {
  for (const one of happenings) {
    switch (one.do) {
      case 'mail':
        world.arrive(one.kind);
        break;
      case 'answer':
        world.answer(one.index, one.well);
        break;
      case 'time':
        world.now += one.ms;
        world.run({ type: 'time passed' });
        break;
      case 'crash':
        world.crash();
        break;
      case 'reconnect':
        world.look();
        break;
      case 'app appeared':
        world.run({ type: 'app appeared' });
        break;
      case 'expunge':
        world.mailbox.delete(one.uid);
        world.run({ type: 'gone', message: world.at(one.uid) });
        break;
      case 'renumber':
        world.renumber();
    }
  }
}

describe('whatever happens in whatever order', () => {
  it('every push ends: delivered, expired or refused, and what is not ours stays', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 120 }), (happenings) => {
        const world = new World();
        play(world, happenings);
        world.settle();
        expect([...world.mailbox.values()].filter(({ kind }) => kind !== 'unreadable')).toEqual([]);
        expect(world.state.pushes).toEqual([]);
        const twice = world.app.length - new Set(world.app).size;
        expect(twice, 'twice only where a crash fell between answer and record').toBeLessThanOrEqual(world.crashes);
      }),
      { numRuns: 400 },
    );
  });

  it('nothing is delivered once the registration has ended', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), fc.array(happening, { maxLength: 60 }), (before, after) => {
        const world = new World();
        play(world, before);
        const underWay = world.asked.filter(({ type }) => type === 'deliver').length;
        world.retired = true;
        world.run({ type: 'retired' });
        const delivered = world.app.length;
        play(world, after);
        world.settle();
        expect(world.app.length - delivered).toBeLessThanOrEqual(underWay);
        expect([...world.mailbox.values()].filter(({ kind }) => kind !== 'unreadable')).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
