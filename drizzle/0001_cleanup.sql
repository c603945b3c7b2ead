ALTER TABLE `tasks` ADD `files_expired_at` integer;--> statement-breakpoint
ALTER TABLE `tasks` ADD `files_removed_at` integer;--> statement-breakpoint
CREATE INDEX `tasks_by_end` ON `tasks` (`completed_at`);--> statement-breakpoint
CREATE INDEX `tasks_with_files` ON `tasks` (`status`,`completed_at`) WHERE "tasks"."files_removed_at" IS NULL;