import { servicePorts } from '@millrace/contracts'
import { defineService } from '@millrace/runtime'
import { orderSagaConfig } from './config.ts'

/** The order saga: joins the answers of payments and stock and decides each order; the table of orders. */
export const orderSagaService = defineService({
  name: 'order-saga',
  version: '0.1.0',
  description:
    'The order saga: joins the answers of payments and stock and decides each order; the table of orders.',
  port: servicePorts['order-saga'],
  config: orderSagaConfig,
  setup() {},
})
