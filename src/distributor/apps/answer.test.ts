import { describe, expect, it } from 'vitest';
import { BusCallError, BusError } from '../../dbus/index.js';
import { answerOf } from './answer.js';

const call = (name: string): BusCallError => new BusCallError(`org.freedesktop.DBus.Error.${name}`, '', 'Message');

describe('the failure of a call to an app', () => {
  it.each<[string, unknown]>([
    ['nobody has the name and nobody can be started', call('ServiceUnknown')],
    ['nobody has the name', call('NameHasNoOwner')],
    ['the app could not be started', call('Spawn.ChildExited')],
    ['there is nothing to start', call('Spawn.ExecFailed')],
    ['the bus has no room for its reply', call('LimitsExceeded')],
    ['it leaves everything unanswered', new BusError('ERR_BUS_UNANSWERED', 'Mute.')],
    ['our own connection is gone', new BusError('ERR_BUS_CLOSED', 'Closed.')],
    ['too many calls are under way', new BusError('ERR_BUS_BUSY', 'Busy.')],
    ['it is of another kind', new Error('?')],
  ])('is that it cannot be reached when %s', (_, error) => {
    expect(answerOf(error)).toBe('unreachable');
  });

  it.each<[string, unknown]>([
    ['it says so in its own words', new BusCallError('org.example.Error.Busy', 'Not now.', 'Message')],
    ['it has no such object yet', call('UnknownObject')],
    ['it has no such method', call('UnknownMethod')],
    ['it ended without an answer', call('NoReply')],
    ['it did not answer in time', new BusError('ERR_BUS_TIMEOUT', 'Too late.')],
  ])('is a refusal when %s', (_, error) => {
    expect(answerOf(error)).toBe('refused');
  });
});
