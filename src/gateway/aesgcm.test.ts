import { createECDH, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { createVapidSigner, startGateway } from '../../test/tools/gateway-fixture.js';
import { foldAesgcm } from './aesgcm.js';
import { GatewayError } from './gateway-error.js';
import type { HeaderFields } from './push-header.js';

const fields = { encryption: ['salt=SALT'], 'crypto-key': ['dh=KEY'] };
const header = 'aesgcm\nEncryption: salt=SALT\nCrypto-Key: dh=KEY\n';

function statusOf(of: HeaderFields, body: Uint8Array): string {
  try {
    foldAesgcm(of, body);
    return '201';
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    const { status, errno } = error as GatewayError;
    return `${status}/${errno}`;
  }
}

interface Ece {
  encrypt(text: Buffer, options: object): Buffer;
  decrypt(body: Buffer, options: object): Buffer;
}

describe('an aesgcm body', () => {
  it('has its two headers in front, as they came', () => {
    const body = Uint8Array.from([0, 10, 13, 255]);
    expect(Buffer.from(foldAesgcm(fields, body)).toString('latin1')).toBe(`${header}\0\n\r\xff`);
    const long = {
      encryption: ['keyid=p256dh; salt="SALT"; rs=4096'],
      'crypto-key': ['keyid=p256dh;dh=KEY', 'p256ecdsa=OTHER'],
    };
    expect(Buffer.from(foldAesgcm(long, body)).toString('latin1')).toBe(
      `aesgcm\nEncryption: keyid=p256dh; salt="SALT"; rs=4096\nCrypto-Key: keyid=p256dh;dh=KEY, p256ecdsa=OTHER\n\0\n\r\xff`,
    );
  });

  it('has 4096 bytes with its headers', () => {
    expect(statusOf(fields, Buffer.alloc(4096 - header.length))).toBe('201');
    expect(statusOf(fields, Buffer.alloc(4097 - header.length))).toBe('413/104');
    expect(statusOf({ ...fields, encryption: [`salt=${'x'.repeat(5000)}`] }, Buffer.alloc(1))).toBe('413/104');
  });

  it('is refused without salt or key, or with a line break or anything else that is not ASCII in them (errno 110)', () => {
    const wrong = [
      undefined,
      [],
      [''],
      ['rs=4096'],
      ['salt='],
      ['salt=""'],
      ['salt=S\nALT'],
      ['salt=S\r'],
      ['salt=\xe9'],
      ['salt=\t'],
    ];
    for (const values of wrong) {
      expect(statusOf({ ...fields, encryption: values }, Buffer.alloc(1))).toBe('400/110');
      const key = values?.map((value) => value.replace('salt', 'dh'));
      expect(statusOf({ ...fields, 'crypto-key': key }, Buffer.alloc(1))).toBe('400/110');
    }
  });

  it('is what an app decrypts, signed in the form of the drafts', async () => {
    const ece = createRequire(import.meta.url)('http_ece') as Ece;
    const device = createECDH('prime256v1');
    const server = createECDH('prime256v1');
    const [dh, serverKey] = [device.generateKeys(), server.generateKeys()];
    const [authSecret, salt] = [randomBytes(16), randomBytes(16)];
    const text = Buffer.from('When I grow up, I want to be a watermelon');
    const body = ece.encrypt(text, { version: 'aesgcm', dh, privateKey: server, authSecret, salt });
    const signer = createVapidSigner();
    const gateway = await startGateway();
    const alice = await gateway.register({ vapid: signer.key });
    const headers = [
      ['TTL', '60'],
      ['Content-Encoding', 'aesgcm'],
      ['Encryption', `salt=${salt.toString('base64url')}`],
      ['Crypto-Key', `dh=${serverKey.toString('base64url')};p256ecdsa=${signer.key}`],
      ['Authorization', `WebPush ${await signer.token()}`],
    ] as const;
    const push = { method: 'POST', path: alice.path, headers, body };
    const [first, second] = [await gateway.ask(push), await gateway.ask(push)];
    expect(first.status).toBe(201);
    expect(second.headers.location).toBe(first.headers.location);

    const { header: told, payload } = await alice.read(gateway.smtp.given[0]?.raw);
    expect(told.contentCoding).toBe('aesgcm');
    const [name, encryption = '', cryptoKey = ''] = payload.toString('latin1').split('\n', 3);
    expect(name).toBe('aesgcm');
    const rest = payload.subarray(payload.length - body.length);
    const decrypted = ece.decrypt(rest, {
      version: 'aesgcm',
      privateKey: device,
      dh: Buffer.from(/dh=([^;]*)/.exec(cryptoKey)?.[1] ?? '', 'base64url'),
      salt: Buffer.from(/salt=([^;]*)/.exec(encryption)?.[1] ?? '', 'base64url'),
      authSecret,
    });
    expect(decrypted.toString()).toBe(text.toString());

    const unsigned = headers.filter(([of]) => of !== 'Authorization');
    expect(await gateway.ask({ ...push, headers: unsigned })).toMatchObject({ status: 401, body: { errno: 109 } });
    const bare = headers.filter(([of]) => of !== 'Encryption');
    expect(await gateway.ask({ ...push, headers: bare })).toMatchObject({ status: 400, body: { errno: 110 } });
  });
});
