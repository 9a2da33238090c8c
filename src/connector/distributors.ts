import { type Bus, distributorNamePrefix } from '../dbus/index.js';
import { noDistributor } from './errors.js';

const preferred = `${distributorNamePrefix}mailpush`;

async function known(bus: Bus): Promise<{ running: readonly string[]; startable: readonly string[] }> {
  const [running, startable] = await Promise.all([bus.listNames(), bus.listActivatableNames()]);
  const own = (names: readonly string[]): string[] =>
    names.filter((name) => name.startsWith(distributorNamePrefix)).sort();
  return { running: own(running), startable: own(startable) };
}

/** Bus names of the distributors that run or can be started, sorted, each once. */
export async function listDistributors(bus: Bus): Promise<readonly string[]> {
  const { running, startable } = await known(bus);
  return [...new Set([...running, ...startable])].sort();
}

/**
 * The distributor for an app that named none: mailpush if it is there, else the first by name of those that run, else the
 * first that can be started. The specification leaves the choice open ("Choosing a distributor").
 *
 * Rejects with {@link ConnectorError} `ERR_DISTRIBUTOR_NONE`.
 */
export async function chooseDistributor(bus: Bus): Promise<string> {
  const { running, startable } = await known(bus);
  const all = [...running, ...startable];
  const chosen = all.includes(preferred) ? preferred : all[0];
  if (chosen === undefined) throw noDistributor();
  return chosen;
}
