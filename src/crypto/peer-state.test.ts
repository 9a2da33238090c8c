import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AutocryptHeader, type PeerMail, type PeerState, updatePeerState } from './index.js';

const headerOf = (name: string): AutocryptHeader => ({
  address: 'push@app.example',
  preferEncrypt: 'mutual',
  keydata: new TextEncoder().encode(name),
});

const mailAt = (date: number, key?: string, change: Partial<PeerMail> = {}): PeerMail => ({
  date,
  header: key === undefined ? undefined : headerOf(key),
  hasOneFrom: true,
  isReport: false,
  ...change,
});

const stateAfter = (mails: readonly PeerMail[], now = 1000): PeerState | undefined =>
  mails.reduce<PeerState | undefined>((state, mail) => updatePeerState(state, mail, now), undefined);

describe('the state of a peer', () => {
  it('is not there before its first mail, and holds no key before its first header', () => {
    expect(stateAfter([])).toBeUndefined();
    expect(stateAfter([mailAt(5)])).toEqual({ lastSeen: 5, autocryptTimestamp: undefined, header: undefined });
  });

  it('takes the key of a newer header', () => {
    expect(stateAfter([mailAt(5, 'old'), mailAt(7, 'new')])).toEqual({
      lastSeen: 7,
      autocryptTimestamp: 7,
      header: headerOf('new'),
    });
  });

  it('keeps its key when an older header comes late', () => {
    expect(stateAfter([mailAt(7, 'new'), mailAt(5, 'old')])).toEqual(stateAfter([mailAt(7, 'new')]));
  });

  it('takes an older header when the newer mail had none', () => {
    expect(stateAfter([mailAt(7), mailAt(5, 'old')])).toEqual({
      lastSeen: 7,
      autocryptTimestamp: 5,
      header: headerOf('old'),
    });
  });

  it('keeps its key, and the time of it, when a mail without one comes', () => {
    expect(stateAfter([mailAt(5, 'key'), mailAt(9)])).toEqual({
      lastSeen: 9,
      autocryptTimestamp: 5,
      header: headerOf('key'),
    });
  });

  it('takes a date in the future for now, so that the next header counts again', () => {
    const state = stateAfter([mailAt(1e15, 'future')], 100);
    expect(state).toMatchObject({ lastSeen: 100, autocryptTimestamp: 100 });
    expect(updatePeerState(state, mailAt(101, 'next'), 200)?.header).toEqual(headerOf('next'));
  });

  it.each([
    ['a report', { isReport: true }],
    ['a mail with no or several From', { hasOneFrom: false }],
  ])('does not change by %s', (_, change) => {
    expect(stateAfter([mailAt(9, 'other', change)])).toBeUndefined();
    expect(stateAfter([mailAt(5, 'key'), mailAt(9, 'other', change)])).toEqual(stateAfter([mailAt(5, 'key')]));
  });

  it('has the key of the newest header in the end, in whatever order mails come', () => {
    const mails = fc.uniqueArray(fc.record({ date: fc.nat(500), hasKey: fc.boolean() }), {
      selector: ({ date }) => date,
      maxLength: 12,
    });
    fc.assert(
      fc.property(mails, (given) => {
        const state = stateAfter(given.map(({ date, hasKey }) => mailAt(date, hasKey ? `key ${date}` : undefined)));
        const newest = Math.max(-1, ...given.filter(({ hasKey }) => hasKey).map(({ date }) => date));
        expect(state?.header).toEqual(newest < 0 ? undefined : headerOf(`key ${newest}`));
      }),
    );
  });
});
