export { orderSagaService } from './service.ts'
