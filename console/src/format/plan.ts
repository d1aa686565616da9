/** "enterprise" → "Enterprise": plans are words of the price book. */
export const planName = (plan: string) => plan.slice(0, 1).toUpperCase() + plan.slice(1);
