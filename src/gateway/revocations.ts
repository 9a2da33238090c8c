import { createHash } from 'node:crypto';
import { canonicalAddress } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { EndpointName, Revocations, SealedEndpoint } from './parts.js';

/** The most that are kept in memory; beyond them the one that expires first is forgotten. */
const maxRevocations = 100_000;

/** The name under which an endpoint is revoked. Its channel is 20 random bytes, so that nobody finds the address in it. */
export function endpointRevocation({ address, channel }: EndpointName): string {
  const name = `${channel} ${canonicalAddress(address)}`;
  return `endpoint:${createHash('sha256').update(name).digest('base64url')}`;
}

/** The names under which a seal may have been revoked. */
export function revocationsOf({ id, endpoint }: Pick<SealedEndpoint, 'id' | 'endpoint'>): readonly [string, string] {
  return [sealRevocation(id), endpointRevocation(endpoint)];
}

/** The name under which one seal is revoked. */
export function sealRevocation(id: string): string {
  return `seal:${id}`;
}

/** Revocations of this process, and what it has been told. */
export interface RevocationMemory {
  /** Notes a name until a time in seconds since 1970. */
  readonly revoke: (name: string, until: number) => void;
  /** Whether a name is noted until that time, in seconds since 1970, or later. */
  readonly covers: (name: string, expires: number) => boolean;
  /** What is revoked now, and until when. */
  readonly entries: () => readonly (readonly [name: string, until: number])[];
}

/** Makes it, bounded. */
export function createRevocationMemory({ now }: Pick<Runtime, 'now'>, most: number = maxRevocations): RevocationMemory {
  const ends = new Map<string, number>();
  const isOver = (until: number): boolean => until * 1000 <= now();

  function makeRoom(): void {
    for (const [name, until] of ends) if (isOver(until)) ends.delete(name);
    if (ends.size <= most) return;
    // A tenth at once, so that this is not done for each.
    const soonest = [...ends].sort(([, a], [, b]) => a - b).slice(0, Math.ceil(most / 10));
    for (const [name] of soonest) ends.delete(name);
  }

  return {
    revoke: (name, until) => {
      if (isOver(until)) return;
      ends.set(name, Math.max(until, ends.get(name) ?? 0));
      if (ends.size > most) makeRoom();
    },
    covers: (name, expires) => (ends.get(name) ?? 0) >= expires,
    entries: () => [...ends].filter(([, until]) => !isOver(until)),
  };
}

/** Keeps revocations in memory: for this process alone, until it ends. */
export function createRevocations(memory: RevocationMemory): Revocations {
  return {
    revokeSeal: async (id, until) => memory.revoke(sealRevocation(id), until),
    revokeEndpoint: async (endpoint, until) => memory.revoke(endpointRevocation(endpoint), until),
    isRevoked: async (seal) => revocationsOf(seal).some((name) => memory.covers(name, seal.expires)),
  };
}
