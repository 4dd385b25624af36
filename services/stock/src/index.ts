export { stockService } from './service.ts'
