import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import fastifyStatic from '@fastify/static'
import { ProblemError, type FastifyReply, type ServiceApp } from '@millrace/runtime'
import { notBuiltPage } from './not-built-page.ts'

const availableWhileStarting = true

/**
 * Serves the built web app: files by name, and index.html for every other path, since the app finds its way by itself. The build
 * may still run or run again: index.html is looked up at each navigation.
 */
export async function registerWebApp(app: ServiceApp, webDir: string): Promise<void> {
  const index = new IndexPage(join(webDir, 'index.html'))
  await app.register(fastifyStatic, {
    root: webDir,
    serve: false,
    suppressWarning: true,
    index: false,
    dotfiles: 'deny',
    // Set below by path.
    cacheControl: false,
  })
  app.all('/api/*', { schema: { hide: true }, config: { availableWhileStarting } }, (request) => {
    throw new ProblemError(
      404,
      'MR_HTTP_NO_ROUTE',
      `No service answers ${request.url.split('?', 1)[0]}. See /docs.`,
    )
  })
  app.get(
    '/*',
    { schema: { hide: true }, config: { availableWhileStarting } },
    async (request, reply) => {
      const path = decodeURIComponent(request.url.split('?', 1)[0] ?? '/')
      const extension = extname(path)
      if (extension === '' || extension === '.html') return sendIndex(reply, index)
      // Vite names what lies under assets/ by its content, so it never changes.
      const isHashed = path.startsWith('/assets/')
      void reply.header(
        'cache-control',
        isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      )
      return reply.sendFile(path.slice(1))
    },
  )
}

async function sendIndex(reply: FastifyReply, index: IndexPage): Promise<FastifyReply> {
  const page = await index.read()
  void reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache')
  if (!page) {
    return reply
      .header('content-security-policy', policyOf([]))
      .header('refresh', '2')
      .send(notBuiltPage)
  }
  return reply.header('content-security-policy', policyOf(page.scriptHashes)).send(page.html)
}

interface Page {
  readonly html: string
  readonly scriptHashes: readonly string[]
}

/** index.html as it is on disk now, read again when it changed. */
class IndexPage {
  readonly #path: string
  #modifiedMs = 0
  #page: Page | undefined

  constructor(path: string) {
    this.#path = path
  }

  async read(): Promise<Page | undefined> {
    try {
      const { mtimeMs } = await stat(this.#path)
      if (!this.#page || mtimeMs !== this.#modifiedMs) {
        const html = await readFile(this.#path, 'utf8')
        this.#page = { html, scriptHashes: inlineScriptHashes(html) }
        this.#modifiedMs = mtimeMs
      }
      return this.#page
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return undefined
    }
  }
}

/** Inline scripts of our own build (the theme is set before the first paint) are allowed one by one, by their hash. */
function inlineScriptHashes(html: string): string[] {
  return [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(
    ([, script]) =>
      `'sha256-${createHash('sha256')
        .update(script ?? '')
        .digest('base64')}'`,
  )
}

function policyOf(scriptHashes: readonly string[]): string {
  return [
    "default-src 'self'",
    ['script-src', "'self'", ...scriptHashes].join(' '),
    // Components place popups and bars by style attributes.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}
