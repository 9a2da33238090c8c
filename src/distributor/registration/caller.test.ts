import { describe, expect, it } from 'vitest';
import { type CallerFacts, mayRegister } from './caller.js';

const facts: CallerFacts = {
  sender: ':1.5',
  service: 'org.example.App',
  owner: ':1.5',
  activatable: false,
  ownNames: ['org.unifiedpush.Distributor.mailpush', ':1.2'],
};

describe('a caller may speak for', () => {
  it.each<[string, Partial<CallerFacts>]>([
    ['a service that it owns', {}],
    ['a service that it owns and the bus can start', { activatable: true }],
    ['a service that nobody owns and the bus can start', { owner: undefined, activatable: true }],
    ['its own connection', { service: ':1.5' }],
  ])('%s', (_, change) => {
    expect(mayRegister({ ...facts, ...change })).toEqual({ ok: true, value: undefined });
  });
});

describe('a caller may not speak for', () => {
  it.each<[string, Partial<CallerFacts>]>([
    ["another program's service", { owner: ':1.6' }],
    ["another program's service that the bus can start", { owner: ':1.6', activatable: true }],
    ['a service that nobody owns', { owner: undefined }],
    ["another program's connection", { service: ':1.6', owner: ':1.6' }],
    ['a connection that never was', { service: ':1.99', owner: undefined }],
    ['its own connection once it has ended', { service: ':1.5', owner: undefined }],
    ['the distributor', { service: 'org.unifiedpush.Distributor.mailpush', owner: ':1.2' }],
    ['the distributor, even as its owner', { service: ':1.2', sender: ':1.2', owner: ':1.2' }],
    ['the bus', { service: 'org.freedesktop.DBus', owner: 'org.freedesktop.DBus' }],
  ])('%s', (_, change) => {
    expect(mayRegister({ ...facts, ...change })).toMatchObject({ ok: false, refusal: { reason: 'UNAUTHORIZED' } });
  });
});
