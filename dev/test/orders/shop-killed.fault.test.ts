import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom, systemClock, type Random } from '@millrace/core'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { counted, settled } from './settled.ts'
import { ShopCustomers } from './shop-customers.ts'
import { ShopProcesses, shopServices } from './shop-parts.ts'
import { ShopPostgres } from './shop-postgres.ts'
import { Shop } from './shop-under-test.ts'

const isLong = process.env['MILLRACE_TEST_LONG'] !== undefined
const ordersWanted = isLong ? 5_000 : 150
const targets = [...shopServices, 'broker', 'postgres'] as const

type Target = (typeof targets)[number]

for (const backend of await kafkaBackends()) {
  const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
  test(`the shop on ${backend.name}: each service, the broker and Postgres are killed while people order, and every order ends once, by what was answered (seed ${seed})`, async (t) => {
    const random = seededRandom(seed)
    await using kafka = await backend.start()
    await using postgres = await ShopPostgres.open()
    await using processes = await ShopProcesses.open()
    const { launch } = processes
    const { newDatabase } = postgres
    // No order may be ended by time: all that fell is up again long before.
    const env = { SAGA_TIMEOUT: '1h' }
    await using shop = await Shop.open(kafka.brokers, env, { launch, newDatabase })
    const customers = [
      await shop.customer('rich', 1_000_000_000),
      await shop.customer('busy', 1_000_000_000),
      await shop.customer('poor', 90_000),
    ]
    await shop.product('tea', 1_500, 100_000)
    await shop.product('cup', 4_250, 100_000)
    await shop.product('rare', 2_000, 20)
    const pauseMs = isLong ? 20 : 200
    const skus = ['tea', 'cup', 'rare']
    await using people = new ShopCustomers({ shop, seed, customers, skus, pauseMs })

    let kills = 0
    for (let isEach = false; !isEach || shop.record.orders.size < ordersWanted; isEach = true)
      for (const falling of inRandomGroups(random)) {
        await people.untilPlaced(shop.record.orders.size + randomInt(random, 6))
        await killAndStart(falling, { shop, processes, kafka, postgres, random })
        kills += falling.length
      }
    await people.stop()
    assert.deepEqual(processes.ended(), [], 'no service died with what others stand on')
    assert.equal(people.answeredWith.get(500), undefined, 'an outage is a 503')
    const endings = await settled(shop)

    t.diagnostic(
      `${endings.size} orders, ${kills} kills, ${people.repeated} requests made again (${[...people.answeredWith].map(([status, count]) => `${count} × ${status}`).join(', ')}); ${counted(endings, 'CONFIRMED')} confirmed, ${counted(endings, 'ROLLBACK CUSTOMER')} cancelled`,
    )
    assert.ok(counted(endings, 'CONFIRMED') > 0)
    assert.equal(counted(endings, 'ROLLBACK TIMEOUT'), 0)
  })
}

/** Each target once: most fall alone, some two at a time. */
function inRandomGroups(random: Random): Target[][] {
  const left: Target[] = [...targets]
  const groups: Target[][] = []
  while (left.length > 0) {
    const size = randomInt(random, 3) === 0 ? 2 : 1
    const group = Array.from({ length: size }, () => left.splice(randomInt(random, left.length), 1))
    groups.push(group.flat())
  }
  return groups
}

interface Parts {
  readonly shop: Shop
  readonly processes: ShopProcesses
  readonly kafka: RunningKafka
  readonly postgres: ShopPostgres
  readonly random: Random
}

async function killAndStart(
  falling: readonly Target[],
  { shop, processes, kafka, postgres, random }: Parts,
): Promise<void> {
  for (const target of falling)
    if (target === 'broker') await kafka.kill()
    else if (target === 'postgres') await postgres.kill()
    else await processes.kill(target, shop.environmentOf(target))
  await systemClock.sleep(randomInt(random, 1_000))
  // First: services are not ready without them.
  if (falling.includes('broker')) await kafka.restart()
  if (falling.includes('postgres')) await postgres.restart()
  for (const target of falling)
    if (target !== 'broker' && target !== 'postgres') await shop.start(target)
}
