import type { CreateModelInput, ModelRouteInput, UpdateModelInput } from '../../gql/admin'
import type { Model } from './lists'
import { NO_PRICE, priceError, priceInput, type Amount, type PriceValues } from './price'

/** A route in the form. */
export type RouteValues = { providerId: string | null; upstreamModel: string; order: Amount; weight: Amount }

/** The values of the form for a model. */
export type ModelValues = {
  name: string
  title: string
  description: string
  routes: RouteValues[]
  contextWindow: Amount
  maxOutput: Amount
  maxConcurrent: Amount
  images: boolean
  tools: boolean
  reasoning: boolean
  price: PriceValues
}

/** Returns a further route. */
export function newRoute(order: number, providerId: string | null = null): RouteValues {
  return { providerId, upstreamModel: '', order, weight: 1 }
}

/** Returns the values of a model; those of a new one for null. */
export function modelValues(model: Model | null): ModelValues {
  return {
    name: model?.name ?? '',
    // The API has the name where there is no title.
    title: model && model.title !== model.name ? model.title : '',
    description: model?.description ?? '',
    routes: model?.routes.map(({ provider, ...route }) => ({ providerId: provider.id, ...route })) ?? [newRoute(0)],
    contextWindow: model?.contextWindow ?? 16_384,
    maxOutput: model?.maxOutput ?? 1_024,
    maxConcurrent: model?.maxConcurrent ?? 0,
    images: model?.images ?? false,
    tools: model?.tools ?? false,
    reasoning: model?.reasoning ?? false,
    price: NO_PRICE,
  }
}

/** Returns the error of the routes, if any. */
export function routesError(routes: readonly RouteValues[]): string | null {
  const isComplete = (route: RouteValues) => route.providerId !== null && route.upstreamModel.trim() !== ''
  if (!routes.every(isComplete)) return 'Choose a provider, and enter its name of the model'
  const isWhole = ({ order, weight }: RouteValues) => Number.isInteger(order) && Number.isInteger(weight)
  return routes.every(isWhole) ? null : 'Enter whole numbers for the order and the weight'
}

const validateCount = (value: Amount) => (Number.isInteger(value) ? null : 'Enter a whole number')

/** Returns the validation of the form, beside that of the server. A price is entered for a new model only. */
export function validation(isNew: boolean) {
  return {
    name: (name: string) => (name.trim() ? null : 'Enter a name'),
    routes: routesError,
    contextWindow: validateCount,
    maxOutput: validateCount,
    maxConcurrent: validateCount,
    price: (price: PriceValues) => (isNew ? priceError(price) : null),
  }
}

function settings(values: ModelValues) {
  const { title, description, contextWindow, maxOutput, maxConcurrent, images, tools, reasoning } = values
  return {
    title: title.trim() || null,
    description: description.trim() || null,
    contextWindow: Number(contextWindow),
    maxOutput: Number(maxOutput),
    maxConcurrent: Number(maxConcurrent),
    images,
    tools,
    reasoning,
  }
}

function routesInput(routes: readonly RouteValues[]): ModelRouteInput[] {
  return routes.map(({ providerId, upstreamModel, order, weight }) => ({
    providerId: providerId ?? '',
    upstreamModel: upstreamModel.trim(),
    order: Number(order),
    weight: Number(weight),
  }))
}

/** Converts the values to the input that adds a model. */
export function createInput(values: ModelValues): CreateModelInput {
  const { name, routes, price } = values
  return { name: name.trim(), ...settings(values), routes: routesInput(routes), price: priceInput(price) }
}

/** Converts the values to the input that changes a model. Routes that are as before are not sent, nor audited. */
export function updateInput(model: Model, values: ModelValues): UpdateModelInput {
  const routes = routesInput(values.routes)
  const isChanged = JSON.stringify(routes) !== JSON.stringify(routesInput(modelValues(model).routes))
  return { name: model.name, ...settings(values), ...(isChanged && { routes }) }
}
