import type { Registration } from '../store/index.js';

/**
 * What has to change so that each app has one current channel for a token, and all others of it drain: after damage to the store
 * there may be none, because the record of the channel that replaced another one is lost, or two.
 *
 * @param open the registrations of apps that are not retired.
 * @param now in ms since 1970.
 */
export function mend(open: readonly Registration[], now: number): Registration[] {
  const latest = new Map<string, Registration>();
  const ownerOf = ({ service, token }: Registration): string => JSON.stringify([service, token]);
  const byAge = [...open].sort((a, b) => a.registeredAt - b.registeredAt);
  for (const one of byAge.filter(({ replacedAt }) => replacedAt !== null)) latest.set(ownerOf(one), one);
  for (const one of byAge.filter(({ replacedAt }) => replacedAt === null)) latest.set(ownerOf(one), one);
  return open.flatMap((one) => {
    const isCurrent = latest.get(ownerOf(one)) === one;
    if (isCurrent === (one.replacedAt === null)) return [];
    return [{ ...one, replacedAt: isCurrent ? null : now }];
  });
}
