/** The options of a separation as the OpenAPI document shows them, made from their table. */
import { z } from '@hono/zod-openapi';
import { OPTIONS, optionNames, type Option, type WireOptions } from '../../contract/options.ts';

const eachOption = (schemaOf: (option: Option) => z.ZodType): Record<string, z.ZodType> =>
  Object.fromEntries(optionNames.map((name) => [name, schemaOf(OPTIONS[name])]));

/** The options of a task: resolved, so that each has a value. */
export const parametersSchema = z
  .object(eachOption(schemaOfValue) as { [Name in keyof WireOptions]: z.ZodType<WireOptions[Name]> })
  .openapi('Parameters', { description: 'The parameters used for the separation, with defaults filled in.' });

/** The fields of the form; each may be left out. */
export const optionFields = eachOption(schemaOfField);

function schemaOfValue(option: Option): z.ZodType {
  switch (option.kind) {
    case 'names':
      return z.array(z.string()).openapi({ example: [...option.exampleOfAll] });
    case 'flag':
      return z.boolean();
    case 'choice':
      return z.enum(option.values).openapi({ example: option.fallback });
    case 'whole':
      return option.fallback === null
        ? z.int().nullable().openapi({ description: "Null: the value in the model's YAML." })
        : z.int().openapi({ example: option.example });
  }
}

function schemaOfField(option: Option): z.ZodType {
  const { description } = option;
  switch (option.kind) {
    case 'names':
      return z
        .array(z.string().max(option.longestName))
        .max(option.mostNames)
        .optional()
        .openapi({ description, example: [...option.example] });
    case 'flag':
      return z.boolean().optional().openapi({ description, default: false, example: false });
    case 'choice':
      return z
        .enum(option.values)
        .optional()
        .openapi({ description, default: option.fallback, example: option.fallback });
    case 'whole':
      return z.int().min(1).max(option.most).optional().openapi({ description, example: option.example });
  }
}
