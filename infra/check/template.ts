/** A CloudFormation template as the checks read it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Fields = { readonly [key: string]: Json };

export interface Resource {
  readonly Type: string;
  readonly Properties?: Fields;
  readonly DependsOn?: Json;
  readonly Metadata?: Json;
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
}

/** A mistake: where, and what. */
export type Finding = string;

export const isFields = (value: Json | undefined): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

export const fields = (value: Json | undefined): Fields => (isFields(value) ? value : {});

export const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);

/** The text, with `{Ref: X}` and the like as `<X>`: what is compared is which, not what it comes to. */
export function text(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  if (!isFields(value)) return value === undefined || value === null ? '' : String(value as number | boolean);
  const join = list(value['Fn::Join']);
  if (join.length === 2) return list(join[1]).map(text).join(text(join[0]));
  return `<${JSON.stringify(value)}>`;
}

/** The resources of a type, with their ids. */
export function ofType(template: Template, type: string): [string, Fields][] {
  return Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => [id, resource.Properties ?? {}]);
}
