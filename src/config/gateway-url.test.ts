import { describe, expect, it } from 'vitest';
import { parseGatewayUrl } from './gateway-url.js';

describe('the URL of a gateway', () => {
  it.each([
    ['https://push.example.org', 'https://push.example.org'],
    ['https://push.example.org/', 'https://push.example.org'],
    ['https://Push.Example.ORG:443', 'https://push.example.org'],
    ['https://push.example.org:8443', 'https://push.example.org:8443'],
    ['http://127.0.0.1:8480', 'http://127.0.0.1:8480'],
    ['http://[::1]:8480/', 'http://[::1]:8480'],
    ['http://localhost', 'http://localhost'],
  ])('%s means %s', (url, origin) => {
    expect(parseGatewayUrl(url)).toEqual({ origin });
  });

  it.each([
    ['push.example.org', /is not a URL/],
    ['ftp://push.example.org', /must begin with https:\/\/ or http:\/\//],
    ['http://push.example.org', /without TLS/],
    ['http://192.0.2.1', /without TLS/],
    ['https://push.example.org/push', /must end after host and port/],
    ['https://push.example.org?x', /must end after host and port/],
    ['https://push.example.org#x', /must end after host and port/],
    ['https://alice@push.example.org', /must name no user/],
    ['https://alice:secret@push.example.org', /must hold no password/],
    ['https://push.example.org:0', /port that cannot be/],
  ])('%s is refused', (url, problem) => {
    expect(parseGatewayUrl(url)).toEqual({ problem: expect.stringMatching(problem) });
  });
});
