import { answerOnce, ProblemError, type FastifyRequest } from '@millrace/runtime'
import type { Static } from 'typebox'
import { deposit } from '../accounts.ts'
import { paymentsProblem } from '../errors.ts'
import { findAccount, type AccountRow } from '../sql/find-account.ts'
import { findReservation } from '../sql/find-reservation.ts'
import { listAccounts } from '../sql/list-accounts.ts'
import { listMovements } from '../sql/list-movements.ts'
import { basePath, type RouteContext } from './context.ts'
import {
  AccountPage,
  AccountSchema,
  CustomerParams,
  DepositBody,
  DepositedSchema,
  ListQuery,
  MovementPage,
  MovementsQuery,
  ReservationQuery,
  ReservationsSchema,
} from './schemas.ts'

const tags = ['accounts']
const accountPath = `${basePath}/accounts/:customerId`

export function registerAccounts(context: RouteContext): void {
  const { app, database, managerOf } = context
  app.get(
    `${basePath}/accounts`,
    {
      schema: {
        tags,
        summary: 'All accounts, by customer; for staff',
        querystring: ListQuery,
        response: { 200: AccountPage },
      },
    },
    async (request) => {
      managerOf(request)
      const { cursor, limit } = request.query
      const afterId = cursor === undefined ? '' : customerOf(cursor)
      const rows = await listAccounts(database, afterId, limit + 1)
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return { items: page.map(accountToWire), nextCursor: last ? cursorOf(last.customerId) : null }
    },
  )

  app.get(
    accountPath,
    {
      schema: {
        tags,
        summary: 'What a customer has, has set aside and has spent',
        params: CustomerParams,
        response: { 200: AccountSchema },
      },
    },
    async (request) =>
      accountToWire(await knownAccount(context, request, request.params.customerId)),
  )

  app.get(
    `${accountPath}/movements`,
    {
      schema: {
        tags,
        summary: 'What moved of an account, newest first',
        params: CustomerParams,
        querystring: MovementsQuery,
        response: { 200: MovementPage },
      },
    },
    async (request) => {
      const { customerId } = request.params
      const { before = null, limit } = request.query
      await knownAccount(context, request, customerId)
      const rows = await listMovements(database, customerId, before, limit + 1)
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return {
        items: page.map((row) => ({ ...row, id: String(row.id), at: row.at.toISOString() })),
        nextBefore: last ? String(last.id) : null,
      }
    },
  )
  registerDeposits(context)
  registerReservations(context)
}

function registerDeposits(context: RouteContext): void {
  const { app, outbox, keys, managerOf, openingBalanceMills } = context
  app.post(
    `${accountPath}/deposits`,
    {
      schema: {
        tags,
        summary: 'Put money into an account; for staff',
        params: CustomerParams,
        body: DepositBody,
        response: { 201: DepositedSchema },
      },
    },
    async (request, reply) => {
      const { customerId } = request.params
      const { amountMills, reason = null } = request.body
      const actorId = managerOf(request)
      return answerOnce(request, reply, {
        outbox,
        keys,
        act: async (tx) => {
          const wish = { customerId, amountMills, reason, actorId, openingBalanceMills }
          const movementId = String(await deposit(tx, wish))
          const account = await findAccount(tx, customerId)
          if (!account)
            throw new Error('An account that this transaction holds locked is not there')
          return { status: 201, body: { movementId, account: accountToWire(account) } }
        },
      })
    },
  )
}

function registerReservations({ app, database, maySee }: RouteContext): void {
  app.get(
    `${basePath}/reservations`,
    {
      schema: {
        tags,
        summary: 'What payments has of an order',
        querystring: ReservationQuery,
        response: { 200: ReservationsSchema },
      },
    },
    async (request) => {
      const row = await findReservation(database, request.query.orderId)
      if (!row || !maySee(request, row.customerId)) return { items: [] }
      return {
        items: [
          {
            ...row,
            reservedAt: row.reservedAt.toISOString(),
            decidedAt: row.decidedAt?.toISOString() ?? null,
          },
        ],
      }
    },
  )
}

/** Of others as if there were none. @throws ProblemError 404 */
async function knownAccount(
  { database, maySee }: RouteContext,
  request: FastifyRequest,
  customerId: string,
): Promise<AccountRow> {
  const account = maySee(request, customerId) ? await findAccount(database, customerId) : undefined
  if (account) return account
  throw paymentsProblem(
    'MR_PAYMENTS_ACCOUNT_NOT_FOUND',
    `There is no account of "${customerId}"; it is opened by the first order or deposit.`,
  )
}

function accountToWire(row: AccountRow): Static<typeof AccountSchema> {
  return { ...row, updatedAt: row.updatedAt.toISOString() }
}

function cursorOf(customerId: string): string {
  return Buffer.from(customerId).toString('base64url')
}

/** @throws ProblemError 400 for what `cursorOf` cannot have made */
function customerOf(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('utf8')
  if (id !== '' && id.length <= 100 && !id.includes('\0') && cursorOf(id) === cursor) return id
  const reason = 'is not a nextCursor of this list'
  throw new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The query of the request does not fit: cursor ${reason}.`,
    { errors: [{ field: 'cursor', reason, in: 'query' }] },
  )
}
