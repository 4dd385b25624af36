import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { maxOrderLines } from './order-schemas.ts'

/** Who bought where an invoice names nobody. */
export const guestCustomerId = 'guest'

/** Units of one item, either way. */
const maxQuantity = 1_000_000
/** Of one item, pounds. */
const maxUnitPrice = 1_000_000_000
/** No comma and no blank at either end, as the catalogue has it. */
const skuPattern = /^[^\s,\0](?:[^,\t\r\n\0]*[^\s,\0])?$/.source
const text = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: /^[^\0]*[^\s\0][^\0]*$/.source })
const orNull = <Schema extends ReturnType<typeof text>>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

const Line = Type.Object({
  orderId: text(50),
  kind: Type.Union([
    Type.Literal('order'),
    Type.Literal('cancellation'),
    Type.Literal('stock-adjustment'),
  ]),
  customerId: orNull(text(100)),
  createdAt: Type.String({ pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/.source }),
  country: orNull(text(100)),
  items: Type.Array(
    Type.Object({
      sku: Type.String({ minLength: 1, maxLength: 50, pattern: skuPattern }),
      description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      quantity: Type.Integer({ minimum: -maxQuantity, maximum: maxQuantity }),
      unitPrice: Type.Number({ minimum: 0, maximum: maxUnitPrice }),
    }),
    { minItems: 1, maxItems: maxOrderLines },
  ),
  likelyCancels: orNull(text(50)),
})
const validator = Compile(Line)

export interface InvoiceItem {
  readonly sku: string
  readonly description: string | null
  /** Above 0 in orders, below 0 in cancellations, either in stock adjustments. */
  readonly quantity: number
  readonly unitPriceMills: number
}

/** A line of a file of invoices, checked; see docs/import.md. */
export interface Invoice {
  /** The number it has in the file, unique there. */
  readonly externalId: string
  readonly kind: 'order' | 'cancellation' | 'stock-adjustment'
  /** `guestCustomerId` where the file names nobody. */
  readonly customerId: string
  /** ISO 8601 in UTC, with milliseconds. */
  readonly createdAt: string
  readonly country: string | null
  readonly items: readonly InvoiceItem[]
  /** Sum of what was bought or given back, never below 0. */
  readonly totalMills: number
  /** Number of the order that a cancellation takes back, where the file tells. */
  readonly cancels: string | null
}

export type ParsedInvoice =
  | { readonly invoice: Invoice }
  | { readonly id: string | null; readonly reason: string }

/** Reads one line. Never throws: what cannot be taken says why. */
export function parseInvoice(value: unknown): ParsedInvoice {
  if (!validator.Check(value)) return { id: idOf(value), reason: shapeFaultOf(value) }
  const id = value.orderId
  const createdAtMs = Date.parse(value.createdAt)
  const year = Number.isNaN(createdAtMs) ? 0 : new Date(createdAtMs).getUTCFullYear()
  if (year < 1901) return { id, reason: `createdAt is no time after 1900: ${value.createdAt}` }
  const items = value.items.map((item) => ({
    sku: item.sku,
    description: item.description?.replaceAll('\0', '').trim().slice(0, 300) || null,
    quantity: item.quantity,
    unitPriceMills: Math.round(item.unitPrice * 1_000),
  }))
  const reason = itemFaultOf(value)
  if (reason !== undefined) return { id, reason }
  const total = items.reduce(
    (sum, item) => sum + BigInt(Math.abs(item.quantity)) * BigInt(item.unitPriceMills),
    0n,
  )
  if (total > BigInt(Number.MAX_SAFE_INTEGER)) return { id, reason: 'its sum is too large' }
  return {
    invoice: {
      externalId: id,
      kind: value.kind,
      customerId: value.customerId ?? guestCustomerId,
      createdAt: new Date(createdAtMs).toISOString(),
      country: value.country ?? null,
      items,
      totalMills: Number(total),
      cancels: value.likelyCancels ?? null,
    },
  }
}

function idOf(value: unknown): string | null {
  const id =
    typeof value === 'object' && value !== null && 'orderId' in value ? value.orderId : null
  return typeof id === 'string' ? id.slice(0, 50) : null
}

function shapeFaultOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'it is not a JSON object'
  const [first] = validator.Errors(value)
  const field = first?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  return `${field} ${first?.message ?? 'does not fit'}`.trim()
}

function itemFaultOf({ kind, items }: Static<typeof Line>): string | undefined {
  for (const [index, { quantity, unitPrice }] of items.entries()) {
    const isSigned =
      kind === 'order' ? quantity > 0 : kind === 'cancellation' ? quantity < 0 : quantity !== 0
    if (!isSigned) return `items.${index}.quantity ${quantity} does not fit kind ${kind}`
    // What a float makes of three decimals is off by less than this; a fourth decimal is off by more.
    const mills = unitPrice * 1_000
    if (Math.abs(mills - Math.round(mills)) > 1e-9 * Math.max(1, mills))
      return `items.${index}.unitPrice ${unitPrice} has more than three decimals`
  }
  return undefined
}
