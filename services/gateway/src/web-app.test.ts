import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { RunningService } from '@millrace/runtime'
import { startGateway } from '../test/upstream.ts'

const themeScript = "document.documentElement.dataset.theme = 'dark'"
const html = `<!doctype html><script>${themeScript}</script><script type="module" src="/assets/index-abc123.js"></script>`

let folder: string
let webDir: string
let gateway: RunningService
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-web-'))
  webDir = join(folder, 'dist')
  await writeFile(join(folder, 'secret.txt'), 'not for the world')
  gateway = await startGateway({ env: { WEB_DIR: webDir } })
})
after(async () => {
  await gateway.close()
  await rm(folder, { recursive: true })
})

suite('not built yet', () => {
  test('a page that says so, and looks again by itself', async () => {
    const response = await fetch(`${gateway.url}/discussions`)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('refresh'), '2')
    assert.match(await response.text(), /The web app is not built yet/)
  })
})

suite('built', () => {
  before(async () => {
    await mkdir(join(webDir, 'assets'), { recursive: true })
    await writeFile(join(webDir, 'index.html'), html)
    await writeFile(join(webDir, 'assets', 'index-abc123.js'), 'export {}')
    await writeFile(join(webDir, 'icon.svg'), '<svg/>')
    await writeFile(join(webDir, '.env'), 'SECRET=1')
  })

  for (const path of [
    '/',
    '/index.html',
    '/discussions',
    '/discussions/courses/qc%2Fquantum-gate?tab=top',
  ])
    test(`${path} is the app, never kept by the browser`, async () => {
      const response = await fetch(gateway.url + path)
      assert.equal(response.status, 200)
      assert.equal(await response.text(), html)
      assert.equal(response.headers.get('cache-control'), 'no-cache')
    })

  test('its own inline script is allowed by hash, others are not', async () => {
    const policy = (await fetch(gateway.url)).headers.get('content-security-policy') ?? ''
    const hash = createHash('sha256').update(themeScript).digest('base64')
    assert.match(policy, /default-src 'self'/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.ok(policy.includes(`script-src 'self' 'sha256-${hash}'`))
    assert.ok(!/script-src[^;]*unsafe-inline/.test(policy))
  })

  test('hashed files are kept for ever, others are asked for again', async () => {
    const hashed = await fetch(`${gateway.url}/assets/index-abc123.js`)
    assert.equal(hashed.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.match(hashed.headers.get('content-type') ?? '', /javascript/)
    const icon = await fetch(`${gateway.url}/icon.svg`)
    assert.equal(icon.headers.get('cache-control'), 'no-cache')
    // Not by fetch, which adds `cache-control: no-cache` to conditional requests.
    const again = await new Promise<number | undefined>((resolve, reject) => {
      get(
        `${gateway.url}/icon.svg`,
        { headers: { 'if-none-match': icon.headers.get('etag') ?? '' } },
        (response) => resolve(response.resume().statusCode),
      ).on('error', reject)
    })
    assert.equal(again, 304)
  })

  test('a file that is not there is a 404 problem, not the app, and is not kept', async () => {
    const response = await fetch(`${gateway.url}/assets/index-old.js`)
    assert.equal(response.status, 404)
    assert.match(response.headers.get('content-type') ?? '', /problem\+json/)
    assert.equal(response.headers.get('cache-control'), 'no-store')
  })

  test('a new build is served without a restart', async () => {
    await writeFile(join(webDir, 'index.html'), `${html}<!-- second build -->`)
    assert.match(await (await fetch(gateway.url)).text(), /second build/)
    await writeFile(join(webDir, 'index.html'), html)
  })

  for (const path of [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%5c..%5csecret.txt',
    '/.env',
  ])
    test(`${path} does not leave the folder`, async () => {
      const text = await new Promise<string>((resolve, reject) => {
        get({ host: '127.0.0.1', port: gateway.port, path }, (response) => {
          let body = ''
          response.on('data', (chunk: Buffer) => (body += chunk.toString()))
          response.on('end', () => resolve(body))
        }).on('error', reject)
      })
      assert.ok(!text.includes('not for the world') && !text.includes('SECRET'), text)
    })

  test('other methods on pages are 405', async () => {
    assert.equal((await fetch(gateway.url, { method: 'POST' })).status, 405)
  })
})
