import { limits, type Urgency } from '../notify-spec/index.js';
import { GatewayError } from './gateway-error.js';
import { derivePushId } from './push-id.js';

/** Any JSON object. */
type Fields = Readonly<Record<string, unknown>>;

/** One device of a Matrix notification. */
export interface MatrixDevice {
  readonly pushkey: string;
  /** All of it, as it came. */
  readonly fields: Fields;
}

/** A notification of a Matrix homeserver (Matrix Push Gateway API, `POST /_matrix/push/v1/notify`). */
export interface MatrixNotification {
  /** 1 to 20. */
  readonly devices: readonly MatrixDevice[];
  /** The event that it is about; undefined for one that only tells new counts. */
  readonly eventId: string | undefined;
  /** `high`, unless the homeserver says `low`: that is then `normal`, so that it is not held while the device saves power. */
  readonly urgency: Urgency;
  /** All of it, as it came. */
  readonly fields: Fields;
}

const maxDevices = 20;

/** Reads the body of a request, parsed as JSON. Throws `ERR_GATEWAY_REQUEST`. */
export function readNotification(body: unknown): MatrixNotification {
  const fields = isRecord(body) ? body.notification : undefined;
  if (!isRecord(fields)) throw invalid('Give an object with a notification.');
  const { devices, event_id: eventId, prio } = fields;
  if (!Array.isArray(devices) || devices.length === 0 || devices.length > maxDevices) {
    throw invalid(`Give a notification with 1 to ${maxDevices} devices.`);
  }
  if (eventId !== undefined && eventId !== null && typeof eventId !== 'string')
    throw invalid('An event_id is a string.');
  return {
    devices: devices.map(readDevice),
    eventId: eventId || undefined,
    urgency: prio === 'low' ? 'normal' : 'high',
    fields,
  };
}

/** What an app needs to ask its homeserver for the rest; each is at most 255 bytes there. */
const small = ['event_id', 'room_id', 'type', 'sender', 'prio', 'counts', 'devices'];
const smallest = ['event_id', 'room_id', 'prio', 'counts'];

/**
 * The payload for one device: the notification with this device alone, so that nobody learns the endpoints of others. What
 * makes it larger than a push can be is left out, as an app can get it by `event_id` and `room_id`: first `content`, then
 * all but identifiers, priority, counts and the device, then the device and the sender. Throws `ERR_GATEWAY_TOO_LARGE`.
 */
export function composeNotification({ fields }: MatrixNotification, device: MatrixDevice): Uint8Array {
  const whole: Fields = { ...fields, devices: [device.fields] };
  const { content: _, ...withoutContent } = whole;
  for (const notification of [whole, withoutContent, pick(whole, small), pick(whole, smallest)]) {
    const text = written({ notification });
    const payload = Buffer.from(text ?? '');
    if (text !== undefined && payload.length <= limits.payloadBytes) return payload;
  }
  throw new GatewayError('ERR_GATEWAY_TOO_LARGE', 'The notification is too large even without its content; send less.');
}

/**
 * The push id of a notification for a device: the same when a homeserver tries again, so that it is delivered once. The app and
 * its data belong to it, as two accounts of one app can share an endpoint. Undefined without an event.
 */
export function notificationId(
  { eventId }: MatrixNotification,
  device: MatrixDevice,
  channel: string,
): string | undefined {
  if (eventId === undefined) return undefined;
  const { app_id: app, data } = device.fields;
  return derivePushId('matrix', channel, eventId, written([app, data]) ?? '');
}

function readDevice(fields: unknown): MatrixDevice {
  const pushkey = isRecord(fields) ? fields.pushkey : undefined;
  if (!isRecord(fields) || typeof pushkey !== 'string') throw invalid('Give each device a pushkey.');
  return { pushkey, fields };
}

/**
 * Undefined for what is nested so deep that only `JSON.parse` can take it. Any member of a room can send such content, and a
 * homeserver that is told 400 or 500 repeats it for a day before it sends anything else.
 */
function written(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function pick(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): GatewayError {
  return new GatewayError('ERR_GATEWAY_REQUEST', message);
}
