import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type SubmitEvent, useState } from 'react'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { recordAct } from '../follow/own-acts.ts'
import { listProducts, placeOrder } from './api.ts'
import { money, placedIdOf } from './mappers.ts'
import type { Product } from './model.ts'

/** The largest quantity of a line. */
const maxQuantity = 1_000_000

/** Chooses products and quantities, and places one order. What was chosen stays until it was accepted. */
export function PlaceOrderDialog(props: {
  readonly isOpen: boolean
  readonly onClose: () => void
}) {
  const [quantities, setQuantities] = useState<Readonly<Record<string, number>>>({})
  const products = useQuery({
    queryKey: ['products'],
    queryFn: ({ signal }) => listProducts(signal),
    enabled: props.isOpen,
  })
  const place = usePlaceOrder(() => {
    setQuantities({})
    props.onClose()
  })
  const items = Object.entries(quantities).flatMap(([sku, quantity]) =>
    quantity > 0 ? [{ sku, quantity }] : [],
  )
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
        {products.data !== undefined && (
          <ul className="order-products">
            {products.data.map((product) => (
              <ProductRow
                key={product.sku}
                product={product}
                quantity={quantities[product.sku] ?? 0}
                onChange={(quantity) => setQuantities({ ...quantities, [product.sku]: quantity })}
              />
            ))}
          </ul>
        )}
        <p className="order-total">
          Together{' '}
          <strong className="figure">{money(totalOf(products.data ?? [], quantities))}</strong>
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

function totalOf(
  products: readonly Product[],
  quantities: Readonly<Record<string, number>>,
): number {
  return products.reduce(
    (sum, { sku, unitPriceMills }) => sum + unitPriceMills * (quantities[sku] ?? 0),
    0,
  )
}
