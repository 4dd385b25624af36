import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { recordAct } from '../follow/own-acts.ts'
import { listProducts, maxProducts, placeOrder } from './api.ts'
import { money, placedIdOf } from './mappers.ts'
import type { Product } from './model.ts'

/** The largest quantity of a line. */
const maxQuantity = 1_000_000

/** What an order shall have of a product. */
interface Line {
  readonly product: Product
  readonly quantity: number
}

/** Chooses products and quantities, and places one order. What was chosen stays until it was accepted. */
export function PlaceOrderDialog(props: {
  readonly isOpen: boolean
  readonly onClose: () => void
}) {
  const [lines, setLines] = useState<ReadonlyMap<string, Line>>(new Map())
  const [query, setQuery] = useState('')
  const products = useQuery({
    queryKey: ['products', query.trim()],
    queryFn: ({ signal }) => listProducts(query.trim(), signal),
    enabled: props.isOpen,
    placeholderData: keepPreviousData,
  })
  const place = usePlaceOrder(() => {
    setLines(new Map())
    props.onClose()
  })
  const chosen = [...lines.values()].filter(({ quantity }) => quantity > 0)
  const items = chosen.map(({ product: { sku }, quantity }) => ({ sku, quantity }))
  const found = products.data ?? []
  const skus = new Set(found.map(({ sku }) => sku))
  const elsewhere = chosen.flatMap(({ product }) => (skus.has(product.sku) ? [] : product))
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!place.isPending && items.length > 0) place.mutate(items)
  }
  return (
    <Dialog title="Place an order" isOpen={props.isOpen} onClose={props.onClose}>
      <form className="form" onSubmit={submit}>
        {products.isPending && <Skeleton lines={6} label="products" />}
        {products.isError && (
          <ProblemNotice
            problem={asProblem(products.error)}
            onRetry={() => void products.refetch()}
          />
        )}
        <label>
          Find a product
          <input
            className="input"
            type="search"
            value={query}
            maxLength={100}
            placeholder="part of a name or sku"
            autoComplete="off"
            onChange={(event) => setQuery(event.target.value)}
            // Enter would place the order.
            onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
          />
        </label>
        {products.data !== undefined && (
          <ul className="order-products">
            {[...elsewhere, ...found].map((product) => (
              <ProductRow
                key={product.sku}
                product={product}
                quantity={lines.get(product.sku)?.quantity ?? 0}
                onChange={(quantity) =>
                  setLines(new Map(lines).set(product.sku, { product, quantity }))
                }
              />
            ))}
          </ul>
        )}
        {products.isSuccess && found.length === 0 && (
          <p>
            {query.trim() === ''
              ? 'The catalogue is empty: add a product first.'
              : `No product has “${query.trim()}” in its name or sku.`}
          </p>
        )}
        {found.length === maxProducts && (
          <small>The first {maxProducts} by sku; find others by their name.</small>
        )}
        <p className="order-total">
          Together <strong className="figure">{money(totalOf(chosen))}</strong>
        </p>
        {place.isError && <ProblemNotice problem={asProblem(place.error)} />}
        <div className="actions">
          <Button look="primary" type="submit" disabled={place.isPending || items.length === 0}>
            {place.isPending ? 'Placing' : 'Place order'}
          </Button>
          <Button onClick={props.onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  )
}

function ProductRow(props: {
  readonly product: Product
  readonly quantity: number
  readonly onChange: (quantity: number) => void
}) {
  const { product } = props
  const id = `quantity-${product.sku}`
  return (
    <li>
      <label htmlFor={id}>
        {product.name}
        <small>
          <span className="mono">{product.sku}</span>, {money(product.unitPriceMills)} per{' '}
          {product.stockUnit}
        </small>
      </label>
      <input
        id={id}
        className="input figure"
        type="number"
        inputMode="numeric"
        min={0}
        max={maxQuantity}
        step={1}
        value={props.quantity}
        onChange={(event) => props.onChange(wholeNumber(event.target.value))}
      />
    </li>
  )
}

function usePlaceOrder(onDone: () => void) {
  const client = useQueryClient()
  const navigate = useNavigate()
  return useMutation({
    mutationFn: (items: Parameters<typeof placeOrder>[0]) =>
      recordAct({ label: 'Your order', threadId: ({ body }) => placedIdOf(body) }, () =>
        placeOrder(items),
      ),
    onSuccess: async ({ body }) => {
      onDone()
      void client.invalidateQueries({ queryKey: ['orders'] })
      await navigate({ to: '/orders/$orderId', params: { orderId: placedIdOf(body) } })
    },
  })
}

function wholeNumber(text: string): number {
  const value = Math.trunc(Number(text))
  return Number.isFinite(value) ? Math.min(maxQuantity, Math.max(0, value)) : 0
}

function totalOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { product, quantity }) => sum + product.unitPriceMills * quantity, 0)
}
