import { expect } from 'vitest';
import {
  type ChannelState,
  type Effect,
  type Ending,
  type Happening,
  initialChannelState,
  isLater,
  nextDue,
  nobody,
  type OpenPush,
  type Pin,
  type PushLabel,
  step,
  type TopicMark,
  type Trust,
  type Verdict,
} from '../../src/distributor/delivery/index.js';
import {
  batchPushes,
  lastPushLimit,
  maxAside,
  pushLimit,
  settleRetryMs,
  vainLimit,
} from '../../src/distributor/delivery/timing.js';
import { compareMessages, type MessageRef } from '../../src/imap/index.js';
import { type Urgency, urgencies } from '../../src/notify-spec/index.js';

const pin: Pin = { fingerprint: 'b'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([2]) };
const trust: Trust = { pin, next: undefined };
const minute = 60_000;

/** Whether one more at `now` is within a limit, after those at these times. */
function isWithin(times: readonly number[], { atOnce, perHour }: typeof pushLimit, now: number): boolean {
  return times.every((from, index) => times.length - index + 1 <= atOnce + ((now - from) * perHour) / (60 * minute));
}

/** What a mail turns out to be once it is opened. */
export type Kind = 'push' | 'copy of the first' | 'unreadable' | 'refused' | 'unwanted' | 'no handshake' | 'early';

/** A mail that is about to arrive. */
export interface Arriving {
  readonly kind: Kind;
  readonly topic: string | undefined;
  readonly urgency: Urgency;
  readonly ttlMinutes: number;
  /** How long before the start it was sent. */
  readonly secondsAgo: number;
}

interface Mail extends Arriving {
  readonly id: string;
}

/**
 * A mailbox, a disk, an app and a device around one channel, all of which answer when and how they like; and the rules that
 * must hold whatever they do.
 */
export class World {
  now = 1_800_000_000_000;
  readonly start: number = this.now;
  mailbox = new Map<number, Mail>();
  uidValidity = 1;
  readonly disk = {
    delivered: new Set<string>(),
    topics: new Map<string, TopicMark>(),
    trust: nobody as Trust,
  };
  readonly app: string[] = [];
  readonly left = new Set<Mail>();
  /** Every mail there ever was. */
  readonly mails: Mail[] = [];
  /** How these ended, as far as it is known since the last crash. */
  recorded = new Set<Mail>();
  lastUid = 0;
  /** When, since the last crash, the app accepted a push, and when a mail was opened in vain. */
  acceptedAt: number[] = [];
  vainAt: number[] = [];
  crashes = 0;
  retired = false;
  minimum: Urgency = 'very-low';
  /** When all faults ended; until then nothing has to come through. */
  settledAt: number | undefined;
  asked: Effect[] = [];
  state: ChannelState = this.fresh();

  fresh(): ChannelState {
    const { retired, minimum } = this;
    return initialChannelState({ trust: this.disk.trust, retired, keepRejected: false, minimum });
  }

  at(uid: number): MessageRef {
    return { folder: 'INBOX', uidValidity: `${this.uidValidity}`, uid };
  }

  /** The mail behind a reference; none when it is gone, or when the reference is from before a renumbering. */
  mailAt(message: MessageRef): Mail | undefined {
    return message.uidValidity === `${this.uidValidity}` ? this.mailbox.get(message.uid) : undefined;
  }

  arrive(arriving: Arriving): void {
    this.lastUid += 1;
    // The first is a push, so that its copies have something to be copies of.
    const [first] = this.mails;
    const mail: Mail =
      first === undefined
        ? { ...arriving, kind: 'push', id: 'id1' }
        : arriving.kind === 'copy of the first'
          ? { ...first }
          : { ...arriving, id: `id${this.mails.length + 1}` };
    this.mails.push(mail);
    this.mailbox.set(this.lastUid, mail);
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

  expunge(uid: number): void {
    this.mailbox.delete(uid);
    this.run({ type: 'gone', message: this.at(uid) });
  }

  ask(minimum: Urgency): void {
    this.minimum = minimum;
    this.run({ type: 'minimum urgency', minimum });
  }

  retire(): void {
    this.retired = true;
    this.run({ type: 'retired' });
  }

  run(event: Happening): void {
    const next = step(this.state, { ...event, now: this.now });
    this.state = next.state;
    this.checkBounds();
    for (const effect of next.effects) {
      this.check(effect);
      const mail = this.mailAt(effect.message);
      if (effect.type !== 'leave') this.asked.push(effect);
      else if (mail !== undefined) this.left.add(mail);
    }
  }

  checkBounds(): void {
    const names = this.state.pushes.map(({ stage }) => stage.name);
    const inMemory = names.filter((name) => name === 'deliverable' || name === 'delivering').length;
    expect(inMemory, 'payloads in memory').toBeLessThanOrEqual(batchPushes);
    const aside = names.filter((name) => ['waiting for key', 'early', 'held', 'parked'].includes(name)).length;
    expect(aside, 'pushes that stand aside').toBeLessThanOrEqual(maxAside);
    expect(names.filter((name) => name === 'opening').length, 'opened at the same time').toBeLessThanOrEqual(1);
  }

  check(effect: Effect): void {
    switch (effect.type) {
      case 'deliver':
        return this.checkDelivery(effect);
      case 'record':
        return this.checkEnding(effect);
      case 'remove': {
        const mail = this.mailAt(effect.message);
        if (mail === undefined) return;
        expect(mail.kind, 'what is not ours stays').not.toBe('unreadable');
        expect(this.recorded.has(mail), 'removed only after it is recorded').toBe(true);
        return;
      }
      case 'open':
        return expect(isWithin(this.vainAt, vainLimit, this.now), 'not too many in vain').toBe(true);
      case 'leave':
        return;
    }
  }

  checkDelivery({ push, message }: Extract<Effect, { type: 'deliver' }>): void {
    expect(this.retired, 'nothing is delivered after the end of the registration').toBe(false);
    expect(this.disk.delivered.has(push.id), 'nothing is delivered twice').toBe(false);
    const deliveries = this.asked.filter(({ type }) => type === 'deliver');
    expect(deliveries, 'one at a time').toEqual([]);
    expect(push.liveUntil, 'nothing is delivered after its time').toBeGreaterThan(this.now);
    const isUrgent = urgencies.indexOf(push.urgency) >= urgencies.indexOf(this.minimum);
    expect(isUrgent || push.holdUntil <= this.now, 'what is not urgent is held').toBe(true);
    const last = push.topic === undefined ? undefined : this.disk.topics.get(push.topic);
    const mark = { topic: push.topic ?? '', timestamp: push.timestamp, message };
    expect(last !== undefined && isLater(last, mark), 'nothing is delivered after a later one of its topic').toBe(
      false,
    );
    const isUsual = isWithin(this.acceptedAt, pushLimit, this.now);
    const isLast = push.holdUntil <= this.now && isWithin(this.acceptedAt, lastPushLimit, this.now);
    expect(isUsual || isLast, 'not too many').toBe(true);
    const { pushes, backlog, besieged } = this.state;
    const isDelayed = ({ stage }: OpenPush): boolean =>
      !isUsual && stage.name === 'deliverable' && stage.push.holdUntil > this.now;
    const open = pushes.filter((other) => other.stage.name === 'deliverable' && !isDelayed(other));
    const others = [...open.map((other) => other.message), ...(besieged === undefined ? backlog : [])];
    const before = others.filter((other) => compareMessages(other, message) < 0);
    expect(before, 'mailbox order').toEqual([]);
  }

  checkEnding({ message, outcome }: Ending): void {
    const mail = this.mailAt(message);
    if (mail === undefined) return;
    switch (outcome.kind) {
      case 'delivered':
        return expect(this.app, 'recorded only after it is accepted').toContain(outcome.id);
      case 'refused':
        return expect(['refused', 'unwanted'], 'a good push is not refused').toContain(mail.kind);
      case 'expired': {
        expect(this.liveUntil(mail), 'expired only after its time').toBeLessThanOrEqual(this.now);
        const wasDead = this.settledAt === undefined || this.liveUntil(mail) <= this.settledAt;
        const canWait = mail.kind === 'no handshake';
        return expect(wasDead || canWait, 'what is live in good times is delivered').toBe(true);
      }
      case 'duplicate':
        return expect(this.disk.delivered, 'a duplicate of something delivered').toContain(mail.id);
      case 'superseded': {
        const isReplacement = (other: Mail): boolean =>
          other !== mail && other.topic === mail.topic && this.labelOf(other).timestamp >= this.labelOf(mail).timestamp;
        return expect(this.mails.some(isReplacement), 'superseded by something').toBe(true);
      }
      case 'retired':
        return expect(this.retired).toBe(true);
    }
  }

  liveUntil({ ttlMinutes }: Mail): number {
    return this.start + ttlMinutes * minute;
  }

  labelOf(mail: Mail): PushLabel {
    const { id, topic, urgency, secondsAgo } = mail;
    const liveUntil = this.liveUntil(mail);
    const times = { holdUntil: liveUntil - minute, liveUntil, rememberUntil: liveUntil };
    return { id, topic, urgency, timestamp: this.start / 1000 - secondsAgo, ...times };
  }

  verdict(mail: Mail, message: MessageRef): Verdict {
    const { kind, id, topic } = mail;
    const label = this.labelOf(mail);
    const { liveUntil } = label;
    const early = this.start + (mail.ttlMinutes * minute) / 2;
    if (kind === 'unreadable') return { kind: 'unreadable', reason: 'not for us' };
    if (this.state.retired) return { kind: 'retired' };
    if (kind === 'refused') return { kind: 'refused', reason: 'unsigned' };
    if (kind === 'early' && this.now < early) return { kind: 'early', notBefore: early, until: liveUntil };
    if (kind === 'no handshake' && this.state.trust.pin === undefined) {
      return liveUntil <= this.now
        ? { kind: 'expired', known: undefined }
        : { kind: 'waiting for key', until: liveUntil };
    }
    if (this.disk.delivered.has(id)) return { kind: 'duplicate' };
    const last = topic === undefined ? undefined : this.disk.topics.get(topic);
    const mark = { topic: topic ?? '', timestamp: label.timestamp, message };
    if (last !== undefined && isLater(last, mark)) return { kind: 'superseded' };
    if (liveUntil <= this.now) return { kind: 'expired', known: { label, trust } };
    const push = { ...label, payload: new Uint8Array([1]), signer: pin };
    return { kind: 'deliverable', push, trust };
  }

  /** Answers the `index`-th thing that was asked for: well, or badly. An app that times out counts as unreachable. */
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
            ? this.opened(mail, message)
            : this.run({ type: 'open failed', message, refused: index % 2 === 0 });
      case 'deliver':
        if (well) this.acceptedAt.push(this.now);
        if (well && mail?.kind === 'unwanted') return this.run({ type: 'unwanted', message });
        if (well) this.app.push(effect.push.id);
        return this.run({ type: well ? 'accepted' : index % 2 === 0 ? 'refused by app' : 'app unreachable', message });
      case 'record':
        if (!well) return this.run({ type: 'record failed', message });
        this.write(effect);
        return this.run({ type: 'recorded', message });
      case 'remove':
        if (!well) return this.run({ type: 'remove failed', message, refused: index % 2 === 0 });
        if (mail !== undefined) this.mailbox.delete(message.uid);
        return this.run({ type: 'removed', message });
    }
  }

  opened(mail: Mail, message: MessageRef): void {
    const verdict = this.verdict(mail, message);
    if (verdict.kind === 'unreadable' || verdict.kind === 'refused') this.vainAt.push(this.now);
    this.run({ type: 'opened', message, verdict });
  }

  /** The mail server is quick, whatever the app does. */
  openAll(): void {
    for (;;) {
      const index = this.asked.findIndex(({ type }) => type === 'open');
      if (index < 0) return;
      this.answer(index, true);
    }
  }

  /** The app does not take what it is just being given. */
  appAway(): void {
    const index = this.asked.findIndex(({ type }) => type === 'deliver');
    const [effect] = index < 0 ? [] : this.asked.splice(index, 1);
    if (effect !== undefined) this.run({ type: 'app unreachable', message: effect.message });
  }

  write({ message, outcome, mark, trust: known }: Ending): void {
    const mail = this.mailAt(message);
    if (mail !== undefined) this.recorded.add(mail);
    if (outcome.kind === 'delivered') this.disk.delivered.add(outcome.id);
    const last = mark && this.disk.topics.get(mark.topic);
    if (mark !== undefined && !(last !== undefined && isLater(last, mark))) this.disk.topics.set(mark.topic, mark);
    this.disk.trust = known;
  }

  look(): void {
    const messages = [...this.mailbox].flatMap(([uid, mail]) => (this.left.has(mail) ? [] : [this.at(uid)]));
    this.run({ type: 'found', messages });
  }

  crash(): void {
    this.crashes += 1;
    this.asked = [];
    this.acceptedAt = [];
    this.vainAt = [];
    this.recorded = new Set();
    this.state = this.fresh();
    this.look();
  }

  pass(ms: number): void {
    this.now += ms;
    this.run({ type: 'time passed' });
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
      // From here on nothing is under way that was asked for in worse times; what failed then is tried again soon.
      this.settledAt ??= this.now + settleRetryMs;
      const due = nextDue(this.state, this.now);
      if (due === undefined) return;
      this.pass(due - this.now);
    }
    throw new Error('It never comes to rest.');
  }

  /** What is ours and still in the mailbox. */
  remaining(): readonly Kind[] {
    return [...this.mailbox.values()].map(({ kind }) => kind).filter((kind) => kind !== 'unreadable');
  }
}
