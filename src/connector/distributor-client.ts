import {
  type Bus,
  BusCallError,
  BusError,
  dictKeys,
  distributorPath,
  errorNames,
  interfaceNames,
  olderRegistrationResults,
  registrationResults,
  stringDict,
  type VariantDict,
  variantValue,
} from '../dbus/index.js';
import { noDistributor, registrationRefused } from './errors.js';

/** Version of the UnifiedPush interfaces that a registration was made over. */
export type ProtocolVersion = 1 | 2;

/** What goes into a registration. */
export interface RegistrationRequest {
  readonly distributor: string;
  readonly service: string;
  readonly token: string;
  readonly description: string | undefined;
  readonly vapid: string | undefined;
  readonly sender: string | undefined;
}

interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** "There is no such thing here", in the words of the libraries that are about. */
const unknown: ReadonlySet<string> = new Set([
  errorNames.unknownInterface,
  errorNames.unknownMethod,
  errorNames.unknownObject,
]);
const absent: ReadonlySet<string> = new Set([errorNames.serviceUnknown, errorNames.nameHasNoOwner]);
const maxIntrospectionWaitMs = 10_000;

/**
 * Registers, over version 2 where the distributor has it, else over version 1, and gives the version.
 *
 * Rejects with {@link ConnectorError} `ERR_REGISTRATION_REFUSED` or `ERR_DISTRIBUTOR_NONE`, and with `ERR_BUS_…` of the bus.
 */
export async function registerWith(
  bus: Bus,
  request: RegistrationRequest,
  options: CallOptions,
): Promise<ProtocolVersion> {
  try {
    const [first, ...others] = await versionsToTry(bus, request.distributor, options);
    try {
      await registerOver(first, bus, request, options);
      return first;
    } catch (error) {
      const [second] = others;
      if (second === undefined || !(error instanceof BusCallError) || !unknown.has(error.errorName)) throw error;
      await registerOver(second, bus, request, options);
      return second;
    }
  } catch (error) {
    throw error instanceof BusCallError && absent.has(error.errorName) ? noDistributor(error) : error;
  }
}

/** Ends a registration, over the version that it was made over. Rejects with `ERR_BUS_…` of the bus. */
export async function unregisterWith(
  bus: Bus,
  request: { readonly distributor: string; readonly token: string; readonly version: ProtocolVersion },
  options: CallOptions,
): Promise<void> {
  const target = { destination: request.distributor, path: distributorPath, member: 'Unregister', ...given(options) };
  if (request.version === 1) {
    const call = { ...target, interface: interfaceNames.distributor1, signature: 's', args: [request.token] };
    // Version 1 declares that this call has no reply; most distributors give one all the same.
    await bus.call(call).catch((error: unknown) => {
      if (!(error instanceof BusError && error.code === 'ERR_BUS_TIMEOUT')) throw error;
    });
  } else {
    const args = [stringDict({ [dictKeys.token]: request.token })];
    await bus.call({ ...target, interface: interfaceNames.distributor2, signature: 'a{sv}', args });
  }
}

/** KUnifiedPush chooses by the same text. A distributor that cannot be introspected may have either; most have version 1. */
async function versionsToTry(
  bus: Bus,
  distributor: string,
  options: CallOptions,
): Promise<readonly [ProtocolVersion, ...ProtocolVersion[]]> {
  try {
    const [xml] = await bus.call({
      destination: distributor,
      path: distributorPath,
      interface: 'org.freedesktop.DBus.Introspectable',
      member: 'Introspect',
      replySignature: 's',
      ...given(options),
      timeoutMs: Math.min(options.timeoutMs, maxIntrospectionWaitMs),
    });
    return String(xml).includes(interfaceNames.distributor2) ? [2, 1] : [1];
  } catch (error) {
    if (options.signal?.aborted || (error instanceof BusCallError && absent.has(error.errorName))) throw error;
    return [1, 2];
  }
}

async function registerOver(
  version: ProtocolVersion,
  bus: Bus,
  request: RegistrationRequest,
  options: CallOptions,
): Promise<void> {
  const target = { destination: request.distributor, path: distributorPath, member: 'Register', ...given(options) };
  if (version === 1) {
    const args = [request.service, request.token, request.description ?? ''];
    const call = { ...target, interface: interfaceNames.distributor1, signature: 'sss', args, replySignature: 'ss' };
    const [result, reason] = await bus.call(call);
    if (result === registrationResults.succeeded || result === olderRegistrationResults.succeeded) return;
    throw registrationRefused(String(reason), result === olderRegistrationResults.refused);
  }
  const args = [
    stringDict({
      [dictKeys.service]: request.service,
      [dictKeys.token]: request.token,
      [dictKeys.description]: request.description,
      [dictKeys.vapid]: request.vapid,
      [dictKeys.sender]: request.sender,
    }),
  ];
  const call = { ...target, interface: interfaceNames.distributor2, signature: 'a{sv}', args, replySignature: 'a{sv}' };
  const [reply] = (await bus.call(call)) as readonly [VariantDict];
  if (variantValue(reply, dictKeys.success, 's') === registrationResults.succeeded) return;
  throw registrationRefused(variantValue(reply, dictKeys.reason, 's') ?? '');
}

function given(options: CallOptions): { timeoutMs: number; signal?: AbortSignal } {
  return options.signal === undefined
    ? { timeoutMs: options.timeoutMs }
    : { timeoutMs: options.timeoutMs, signal: options.signal };
}
