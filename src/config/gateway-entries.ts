import * as v from 'valibot';
import { flag, text } from './entry-kinds.js';

/** Every key of the section `[gateway]`, held by the compiler to {@link GatewaySection}. */
export const gatewayEntries: {
  readonly [K in keyof Required<GatewaySection>]: v.GenericSchema<unknown, GatewaySection[K]>;
} = {
  listen: v.pipe(
    v.optional(text, '127.0.0.1:8480'),
    v.description(
      'Where the gateway listens: host:port, or [address]:port with IPv6. Plain HTTP for a proxy in front of it, unless tls_cert_file is set.',
    ),
  ),
  public_url: v.pipe(
    text,
    v.description(
      'How app servers and distributors reach the gateway, and where every endpoint of it begins: scheme, host, and port if need be. A change of it is another gateway.',
    ),
    v.examples(['https://push.example.org']),
  ),
  secret_file: v.pipe(
    text,
    v.description(
      'A file with the secrets that endpoints are sealed with, one a line, each 32 bytes in base64, readable by nobody else. The first seals, all open. The same on every machine of a gateway.',
    ),
    v.examples(['gateway.secret']),
  ),
  smtp: v.pipe(
    text,
    v.description(
      'The mail server that takes the pushes: smtps://user@host (TLS), smtp+starttls://user@host, or smtp://host, which is plain to this machine and requires STARTTLS to any other. The user is percent-encoded; without one there is no login.',
    ),
    v.examples(['smtps://push@app.example@mail.app.example']),
  ),
  from: v.pipe(
    text,
    v.description('The mail address that pushes come from. It should have a mailbox of its own, as bounces go there.'),
    v.examples(['push@app.example']),
  ),
  key_file: v.pipe(
    text,
    v.description(
      'The private key of that address, from `mailpush keygen`, readable by nobody else. A change of it ends every endpoint. The same on every machine of a gateway.',
    ),
    v.examples(['gateway.asc']),
  ),
  password_command: v.pipe(
    v.optional(text),
    v.description(
      'A shell command that prints the password for the user in smtp; it is run once, at the start. Where smtp names a user, it or password_file has to be there.',
    ),
    v.examples(['pass show mail/push']),
  ),
  password_file: v.pipe(
    v.optional(text),
    v.description('A file with that password in its first line, readable by nobody else (chmod 600).'),
    v.examples(['password']),
  ),
  redis: v.pipe(
    v.optional(text),
    v.description(
      'A Redis that all machines of a gateway keep limits and revocations in: rediss://user@host/number (TLS), redis://host, which is plain and only goes to this machine, or unix:///path/of/its/socket. Without one they are kept in memory, until the gateway ends.',
    ),
    v.examples(['redis://127.0.0.1:6379']),
  ),
  redis_password_file: v.pipe(
    v.optional(text),
    v.description('A file with the password of Redis in its first line, readable by nobody else.'),
    v.examples(['redis-password']),
  ),
  tls_cert_file: v.pipe(
    v.optional(text),
    v.description(
      'The certificate of the host in public_url and those it was signed with, in PEM: the gateway speaks HTTPS itself. Read at the start only.',
    ),
    v.examples(['/etc/letsencrypt/live/push.example.org/fullchain.pem']),
  ),
  tls_key_file: v.pipe(
    v.optional(text),
    v.description('The private key of that certificate in PEM, readable by nobody else.'),
    v.examples(['/etc/letsencrypt/live/push.example.org/privkey.pem']),
  ),
  trusted_proxies: v.pipe(
    v.optional(v.array(text, 'must be a list of texts in [ ]')),
    v.description(
      'Addresses or networks of proxies that are believed who their client is (X-Forwarded-For). By default this machine if listen is on it, otherwise nobody.',
    ),
    v.examples([['10.0.0.0/8']]),
  ),
  ca_file: v.pipe(
    v.optional(text),
    v.description('Certificates in PEM of a private authority, trusted instead of the usual ones for the mail server.'),
    v.examples(['/etc/ssl/private-ca.pem']),
  ),
  insecure: v.pipe(
    v.optional(flag, false),
    v.description(
      'Allow smtp:// to another machine that offers no STARTTLS, and redis:// to another machine: passwords, and who gets pushes, can be read by everybody on the way.',
    ),
  ),
};

/** The section `[gateway]` as written, with defaults in place. */
export interface GatewaySection {
  readonly listen: string;
  readonly public_url: string;
  readonly secret_file: string;
  readonly smtp: string;
  readonly from: string;
  readonly key_file: string;
  readonly password_command?: string | undefined;
  readonly password_file?: string | undefined;
  readonly redis?: string | undefined;
  readonly redis_password_file?: string | undefined;
  readonly tls_cert_file?: string | undefined;
  readonly tls_key_file?: string | undefined;
  readonly trusted_proxies?: readonly string[] | undefined;
  readonly ca_file?: string | undefined;
  readonly insecure: boolean;
}
