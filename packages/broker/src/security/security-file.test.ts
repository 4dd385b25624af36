import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readSecurityFile } from './security-file.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-security-'))
})
after(() => rm(folder, { recursive: true, force: true }))

async function fileOf(content: unknown): Promise<string> {
  const file = join(folder, 'security.json')
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

test('the file is SecurityOptions, with PEM files beside it', async () => {
  await writeFile(join(folder, 'cert.pem'), 'a certificate')
  await writeFile(join(folder, 'key.pem'), 'a key')
  const sasl = { users: [{ name: 'ada', password: 'secret' }] }
  const tls = { certFile: 'cert.pem', keyFile: 'key.pem', clientCertificates: 'none' }
  assert.deepEqual(readSecurityFile(await fileOf({ tls, sasl })), {
    tls: { cert: 'a certificate', key: 'a key', clientCertificates: 'none' },
    sasl,
  })
})

for (const [content, reason] of [
  ['{', /cannot be read/],
  [[], /must hold an object\./],
  [{ sals: {} }, /holds "sals"; it may hold tls, sasl, authorization/],
  [{ tls: { cert: 'x' } }, /holds "cert" under tls/],
  [{ tls: { certFile: 'cert.pem' } }, /needs certFile and keyFile/],
  [{ tls: { certFile: 'none.pem', keyFile: 'none.pem' } }, /names a file that cannot be read/],
] as const)
  test(`refused: ${JSON.stringify(content)}`, async () => {
    const file = await fileOf(content)
    assert.throws(() => readSecurityFile(file), { code: 'MR_BROKER_BAD_OPTION', message: reason })
  })
