import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { MillraceError } from '@millrace/core'
import { Type } from 'typebox'
import {
  causationOf,
  defineService,
  ProblemError,
  startService,
  userOf,
  type Problem,
  type RunningService,
} from './index.ts'
import { recordingLogger } from '../test/recording-logger.ts'

class OutageError extends MillraceError {
  constructor(code: string, isRetryable: boolean) {
    super(code, isRetryable, 'password=hunter2 at db.internal:5432', {})
  }
}

const BodySchema = Type.Object(
  {
    title: Type.String({ minLength: 1, maxLength: 10 }),
    value: Type.Union([Type.Literal(1), Type.Literal(-1)]),
    parentId: Type.Optional(Type.Union([Type.String({ minLength: 2 }), Type.Null()])),
    tags: Type.Optional(Type.Array(Type.String(), { maxItems: 3 })),
    options: Type.Optional(
      Type.Object(
        { depth: Type.Integer({ minimum: 0, maximum: 5 }) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)

const { logger, lines } = recordingLogger()

const definition = defineService({
  name: 'http-test',
  version: '1.2.3',
  description: 'Answers in every way.',
  config: {},
  bodyLimitBytes: 2000,
  setup({ app }) {
    app.post(
      '/api/things/:number',
      {
        schema: {
          params: Type.Object({ number: Type.Integer({ minimum: 1 }) }),
          querystring: Type.Object({
            limit: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
            isOpen: Type.Optional(Type.Boolean()),
            tag: Type.Optional(Type.Array(Type.String())),
          }),
          body: BodySchema,
          response: { 201: Type.Object({ echo: Type.Unknown() }) },
        },
      },
      async (request, reply) => {
        void reply.code(201)
        return {
          echo: { number: request.params.number, query: request.query, body: request.body },
          hidden: 'cut by the response schema',
        }
      },
    )
    app.get('/api/unknown-error', async () => {
      throw new Error('password=hunter2')
    })
    app.get('/api/outage/:code', (request) => {
      throw new OutageError((request.params as { code: string }).code, false)
    })
    app.get('/api/retryable', async () => {
      throw new OutageError('MR_KAFKA_AWAY', true)
    })
    app.get('/api/own-problem', async () => {
      throw new ProblemError(409, 'MR_TEST_CLOSED', 'It is closed.', {
        errors: [{ field: 'id', reason: 'is closed' }],
        headers: { 'x-extra': '1' },
      })
    })
    app.get('/api/me', (request) => ({ user: userOf(request), ...causationOf(request) }))
    app.get('/api/segments/:id', (request) => request.params)
  },
})

let service: RunningService
before(async () => {
  service = await startService(definition, { logger })
  await service.ready
})
after(() => service.close())

async function call(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; headers: Headers; problem: Problem }> {
  const response = await fetch(service.url + path, init)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    problem: (text === '' ? {} : JSON.parse(text)) as Problem,
  }
}

function post(
  body: NonNullable<RequestInit['body']>,
  path = '/api/things/1',
  contentType = 'application/json',
) {
  return call(path, { method: 'POST', headers: { 'content-type': contentType }, body })
}

const good = { title: 'a', value: 1 }

suite('bad bodies: each names the field and the reason', () => {
  for (const row of [
    {
      name: 'unknown field',
      body: { ...good, foo: 1 },
      field: 'foo',
      reason: /not a known field; known are title, value/,
    },
    { name: 'missing field', body: { value: 1 }, field: 'title', reason: /is required/ },
    { name: 'wrong type', body: { ...good, title: 5 }, field: 'title', reason: /must be text/ },
    {
      name: 'number as text is not coerced',
      body: { ...good, value: '1' },
      field: 'value',
      reason: /must be one of 1, -1/,
    },
    {
      name: 'vote of 2',
      body: { ...good, value: 2 },
      field: 'value',
      reason: /must be one of 1, -1/,
    },
    {
      name: 'empty text',
      body: { ...good, title: '' },
      field: 'title',
      reason: /must not be empty/,
    },
    {
      name: 'too long',
      body: { ...good, title: 'x'.repeat(11) },
      field: 'title',
      reason: /at most 10 characters/,
    },
    {
      name: 'nearest branch of a union',
      body: { ...good, parentId: 'x' },
      field: 'parentId',
      reason: /at least 2 characters/,
    },
    {
      name: 'no branch of a union',
      body: { ...good, parentId: 5 },
      field: 'parentId',
      reason: /must be text or null/,
    },
    {
      name: 'item of a list',
      body: { ...good, tags: ['a', 5] },
      field: 'tags[1]',
      reason: /must be text/,
    },
    {
      name: 'nested unknown field',
      body: { ...good, options: { depth: 1, x: 1 } },
      field: 'options.x',
      reason: /not a known field; known are depth/,
    },
    {
      name: 'nested bound',
      body: { ...good, options: { depth: 9 } },
      field: 'options.depth',
      reason: /at most 5/,
    },
    { name: 'not an object', body: [], field: '', reason: /must be an object/ },
  ])
    test(row.name, async () => {
      const { status, problem } = await post(JSON.stringify(row.body))
      assert.equal(status, 400)
      assert.equal(problem.code, 'MR_HTTP_VALIDATION')
      assert.equal(problem.errors?.length, 1, JSON.stringify(problem.errors))
      assert.equal(problem.errors[0]?.field, row.field)
      assert.match(problem.errors[0]?.reason ?? '', row.reason)
      assert.equal(problem.errors[0]?.in, 'body')
    })

  test('all wrong fields are named at once', async () => {
    const fields = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}`, 1]))
    const { problem } = await post(JSON.stringify({ ...fields, title: 5 }))
    const names = problem.errors?.map((error) => error.field) ?? []
    for (const name of [...Object.keys(fields), 'title', 'value'])
      assert.ok(names.includes(name), name)
  })
})

suite('bad bodies as a whole', () => {
  for (const { name, body, field, reason } of [
    { name: 'malformed JSON', body: '{"title":', field: '', reason: 'is not valid JSON' },
    { name: 'no body', body: '', field: '', reason: 'is empty' },
    {
      name: 'nesting without end',
      body: `${'['.repeat(400)}"\\u0000"${']'.repeat(400)}`,
      field: `${'[0]'.repeat(67).slice(0, 200)}…`,
      reason: 'is nested too deeply',
    },
  ])
    test(name, async () => {
      const { status, problem } = await post(body)
      assert.equal(status, 400)
      assert.deepEqual(problem.errors, [{ field, reason, in: 'body' }])
    })

  for (const { name, body } of [
    { name: 'many faults', body: `[${Array(110).fill('"\\u0000"').join(',')}]` },
    { name: 'a long name', body: `{"${'x'.repeat(900)}":1}` },
  ])
    test(`${name}: told up to a bound`, async () => {
      const { status, problem } = await post(body)
      assert.equal(status, 400)
      assert.ok(problem.detail.length <= 1_001)
      assert.ok((problem.errors ?? []).length <= 100)
      assert.ok((problem.errors ?? []).every(({ field }) => field.length <= 201))
    })
})

suite('bad requests', () => {
  const rows: readonly {
    readonly name: string
    readonly run: () => ReturnType<typeof call>
    readonly status: number
    readonly code: string
  }[] = [
    {
      name: 'malformed JSON',
      run: () => post('{"title":'),
      status: 400,
      code: 'MR_HTTP_MALFORMED_JSON',
    },
    {
      name: 'empty body with a JSON content type',
      run: () => post(''),
      status: 400,
      code: 'MR_HTTP_MALFORMED_JSON',
    },
    {
      name: 'prototype poisoning',
      run: () => post('{"__proto__":{"x":1},"title":"a","value":1}'),
      status: 400,
      code: 'MR_HTTP_MALFORMED_JSON',
    },
    {
      name: 'bytes that are not UTF-8',
      run: () => post(Buffer.from('{"title":"\xff","value":1}', 'latin1')),
      status: 400,
      code: 'MR_HTTP_INVALID_UTF8',
    },
    {
      name: 'U+0000 in text',
      run: () => post('{"title":"a\\u0000","value":1}'),
      status: 400,
      code: 'MR_HTTP_UNSTORABLE_TEXT',
    },
    {
      name: 'half a surrogate pair in text',
      run: () => post('{"title":"a\\uD800","value":1}'),
      status: 400,
      code: 'MR_HTTP_UNSTORABLE_TEXT',
    },
    {
      name: 'U+0000 in a field name',
      run: () => post('{"a\\u0000":1}'),
      status: 400,
      code: 'MR_HTTP_UNSTORABLE_TEXT',
    },
    {
      name: 'wrong content type',
      run: () => post('a', '/api/things/1', 'text/plain'),
      status: 415,
      code: 'MR_HTTP_UNSUPPORTED_MEDIA_TYPE',
    },
    {
      name: 'wrong charset',
      run: () => post('{}', '/api/things/1', 'application/json; charset=latin1'),
      status: 415,
      code: 'MR_HTTP_UNSUPPORTED_MEDIA_TYPE',
    },
    {
      name: 'no body at all',
      run: () => call('/api/things/1', { method: 'POST' }),
      status: 400,
      code: 'MR_HTTP_VALIDATION',
    },
    {
      name: 'body over the limit',
      run: () => post('x'.repeat(2001)),
      status: 413,
      code: 'MR_HTTP_BODY_TOO_LARGE',
    },
    { name: 'unknown path', run: () => call('/nothing'), status: 404, code: 'MR_HTTP_NO_ROUTE' },
    {
      name: 'known path, other method',
      run: () => call('/api/things/1'),
      status: 405,
      code: 'MR_HTTP_METHOD_NOT_ALLOWED',
    },
    {
      name: 'malformed percent-encoding in the path',
      run: () => call('/api/segments/%zz'),
      status: 400,
      code: 'MR_HTTP_MALFORMED_URL',
    },
    {
      name: 'bytes that are not UTF-8 in the path',
      run: () => call('/api/segments/%ff'),
      status: 400,
      code: 'MR_HTTP_MALFORMED_URL',
    },
    {
      name: 'malformed percent-encoding in the query',
      run: () => call('/api/segments/a?q=%f'),
      status: 400,
      code: 'MR_HTTP_MALFORMED_URL',
    },
    {
      name: '%00 in the path',
      run: () => call('/api/segments/%00'),
      status: 400,
      code: 'MR_HTTP_MALFORMED_URL',
    },
    {
      name: 'endless path segment',
      run: () => call(`/api/segments/${'x'.repeat(3000)}`),
      status: 414,
      code: 'MR_HTTP_URL_TOO_LONG',
    },
    {
      name: 'path parameter that is no number',
      run: () => post(JSON.stringify(good), '/api/things/abc'),
      status: 400,
      code: 'MR_HTTP_VALIDATION',
    },
    {
      name: 'query with a fraction for a whole number',
      run: () => post(JSON.stringify(good), '/api/things/1?limit=1.5'),
      status: 400,
      code: 'MR_HTTP_VALIDATION',
    },
    {
      name: 'query with empty text for a number',
      run: () => post(JSON.stringify(good), '/api/things/1?limit='),
      status: 400,
      code: 'MR_HTTP_VALIDATION',
    },
    {
      name: 'query given twice',
      run: () => post(JSON.stringify(good), '/api/things/1?limit=1&limit=2'),
      status: 400,
      code: 'MR_HTTP_VALIDATION',
    },
    {
      name: 'nobody named where a user is needed',
      run: () => call('/api/me'),
      status: 401,
      code: 'MR_HTTP_UNAUTHENTICATED',
    },
    {
      name: 'a problem of the route itself',
      run: () => call('/api/own-problem'),
      status: 409,
      code: 'MR_TEST_CLOSED',
    },
    {
      name: 'an unknown error',
      run: () => call('/api/unknown-error'),
      status: 500,
      code: 'MR_HTTP_INTERNAL',
    },
    {
      name: 'an unknown error of ours that no repeat mends',
      run: () => call('/api/outage/MR_X'),
      status: 500,
      code: 'MR_HTTP_INTERNAL',
    },
    {
      name: 'the database away',
      run: () => call('/api/outage/MR_POSTGRES_UNAVAILABLE'),
      status: 503,
      code: 'MR_POSTGRES_UNAVAILABLE',
    },
    {
      name: 'the database away during a commit',
      run: () => call('/api/outage/MR_POSTGRES_COMMIT_UNKNOWN'),
      status: 503,
      code: 'MR_POSTGRES_COMMIT_UNKNOWN',
    },
    {
      name: 'a retryable error',
      run: () => call('/api/retryable'),
      status: 503,
      code: 'MR_KAFKA_AWAY',
    },
  ]
  for (const row of rows)
    test(row.name, async () => {
      const { status, headers, problem } = await row.run()
      assert.equal(status, row.status)
      assert.equal(problem.code, row.code)
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
      assert.equal(problem.status, row.status)
      assert.equal(problem.type, `urn:millrace:problem:${row.code}`)
      assert.equal(problem.correlationId, headers.get('x-correlation-id'))
      assert.ok(problem.title.length > 0 && problem.detail.length > 0)
      assert.ok(!problem.instance.includes('?'))
      assert.ok(!JSON.stringify(problem).includes('hunter2'), 'no internals leave the service')
      assert.equal(headers.get('retry-after') !== null, row.status === 503)
    })

  test('headers of a problem reach the client', async () => {
    assert.equal((await call('/api/own-problem')).headers.get('x-extra'), '1')
    assert.equal((await call('/api/things/1')).headers.get('allow'), 'POST')
  })

  test('an unknown error is logged whole, with the correlation id the client was told', async () => {
    const { problem } = await call('/api/unknown-error')
    const line = lines.find((item) => item.fields['correlationId'] === problem.correlationId)
    assert.equal(line?.level, 'error')
    assert.match(String(line.fields['error']), /hunter2/)
  })

  test('an URL beyond the limit is told so, not called bad HTTP', async () => {
    const response = await fetch(`${service.url}/api/things/1?x=${'x'.repeat(17_000)}`)
    assert.equal(response.status, 431)
    assert.match(((await response.json()) as { detail: string }).detail, /larger than 16 KiB/)
  })

  test('bytes that are not HTTP get a problem and the service goes on', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(service.port, '127.0.0.1', () => socket.end('NOT HTTP\r\n\r\n'))
      let text = ''
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
      socket.on('close', () => resolve(text))
      socket.on('error', reject)
    })
    assert.match(answer, /^HTTP\/1.1 400 .*problem\+json/s)
    assert.equal((await call('/health/live')).status, 200)
  })
})

suite('good requests', () => {
  test('texts of path and query are read as their schema says, and defaults filled in', async () => {
    const response = await post(JSON.stringify(good), '/api/things/7?isOpen=false&tag=a')
    assert.equal(response.status, 201)
    assert.deepEqual(response.problem, {
      echo: { number: 7, query: { limit: 10, isOpen: false, tag: ['a'] }, body: good },
    })
  })

  test('%2F in a segment is one segment', async () => {
    const { problem } = await call('/api/segments/qc%2Fquantum-gate')
    assert.deepEqual(problem, { id: 'qc/quantum-gate' })
  })

  test('text outside ASCII arrives as it was sent', async () => {
    const body = { title: 'čaj 🍵', value: 1 }
    assert.deepEqual(
      ((await post(JSON.stringify(body))).problem as unknown as { echo: { body: unknown } }).echo
        .body,
      body,
    )
  })
})

suite('correlation', () => {
  const correlationId = '0191e0a0-0000-7000-8000-000000000001'
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

  test('what is valid is carried on', async () => {
    const { headers, problem } = await call('/api/me', {
      headers: { 'x-user-id': 'ada', 'x-correlation-id': correlationId, traceparent },
    })
    assert.deepEqual(problem, { user: 'ada', correlationId, causationId: null, traceparent })
    assert.equal(headers.get('x-correlation-id'), correlationId)
  })

  test('what is not is made new', async () => {
    const { problem } = await call('/api/me', {
      headers: {
        'x-user-id': 'ada',
        'x-correlation-id': "'; drop table",
        traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      },
    })
    const carried = problem as unknown as { correlationId: string; traceparent: string }
    assert.match(carried.correlationId, /^[0-9a-f-]{36}$/)
    assert.match(carried.traceparent, /^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  })
})

suite('operational routes', () => {
  test('metrics count by route template, and show the process', async () => {
    await call('/api/segments/abc')
    const text = await (await fetch(`${service.url}/metrics`)).text()
    assert.match(
      text,
      /mr_http_request_duration_seconds_count\{.*route="\/api\/segments\/:id".*status="200".*\} \d+/,
    )
    assert.match(text, /route="none".*status="404"/)
    assert.ok(!text.includes('abc'), 'ids are never labels')
    assert.match(text, /process_resident_memory_bytes/)
  })

  test('openapi.json is 3.1 and names every route with its problem answers', async () => {
    const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
      openapi: string
      info: { version: string }
      paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
    }
    assert.equal(document.openapi, '3.1.0')
    assert.equal(document.info.version, '1.2.3')
    assert.ok(document.paths['/api/things/{number}']?.['post']?.responses['default'])
    assert.ok(document.paths['/health/ready'])
  })

  test('the docs page shows fields and bounds, and lets nothing be injected', async () => {
    const response = await fetch(`${service.url}/docs`)
    const html = await response.text()
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.match(html, /\/api\/things\/\{number\}/)
    assert.match(html, /string, 1…10 characters/)
    assert.ok(!html.includes('<script'))
  })
})
