import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { Lab } from './lab.ts'

interface Told {
  readonly url: string
  /** What it was asked, oldest first. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

/** Stands for payments and stock: takes every mode. */
async function anyService(): Promise<Told & AsyncDisposable> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      const { mode } = body as { readonly mode: string }
      asked.push(`${request.method} ${request.url} ${mode}`)
      response.end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, asked, close, [Symbol.asyncDispose]: close }
}

function labOn(payments: Told, stock: Told): Lab {
  const parts = { paymentsUrl: payments.url, stockUrl: stock.url, crash: () => false }
  // The checker is never looked at, so no broker is asked.
  return new Lab({ ...parts, kafkaBrokers: '127.0.0.1:1' }, systemClock)
}

const paymentsAsked = (mode: string): string => `PUT /api/payments/provider ${mode}`
const stockAsked = (mode: string): string => `PUT /api/stock/faults ${mode}`

test('lab: what is switched on is switched off when it ends, and nothing else is asked', async () => {
  await using payments = await anyService()
  await using stock = await anyService()
  const lab = labOn(payments, stock)
  await lab.set('payment-late', true)
  await lab.set('payment-rejects', true)
  await lab.set('stock-silent', true)
  await lab.set('stock-silent', false)
  await lab.close()
  assert.deepEqual(payments.asked, ['late', 'reject', 'normal'].map(paymentsAsked))
  assert.deepEqual(stock.asked, ['silent', 'normal'].map(stockAsked))
})

test('lab: it ends, and switches off the rest, though a service is away', async () => {
  await using payments = await anyService()
  await using stock = await anyService()
  const lab = labOn(payments, stock)
  await lab.set('payment-fails', true)
  await lab.set('stock-rejects', true)
  await payments.close()
  await lab.close()
  assert.deepEqual(stock.asked, ['reject', 'normal'].map(stockAsked))
})
