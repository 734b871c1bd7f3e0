//! What every ledger must do, as checks that know nothing of any of them.
//!
//! [`suite!`] holds the one list of checks and makes a test of each for one ledger, so that a
//! failure names both. A check that is missing in the list is dead code, which the compiler
//! reports. `model.rs` runs two ledgers side by side.

mod fixture;

pub(crate) mod allowance;
pub(crate) mod attach;
pub(crate) mod beside;
pub(crate) mod change;
pub(crate) mod commands;
pub(crate) mod deletion_records;
pub(crate) mod deletions;
pub(crate) mod entries;
pub(crate) mod fences;
pub(crate) mod folders;
pub(crate) mod gauges;
pub(crate) mod guard;
pub(crate) mod intents;
pub(crate) mod isolation;
pub(crate) mod keepsakes;
pub(crate) mod listing;
pub(crate) mod locks;
pub(crate) mod model;
pub(crate) mod moves;
pub(crate) mod once;
pub(crate) mod organizations;
pub(crate) mod overlaps;
pub(crate) mod planned;
pub(crate) mod plans;
pub(crate) mod preconditions;
pub(crate) mod purge;
pub(crate) mod registry;
pub(crate) mod reports;
pub(crate) mod resumable;
pub(crate) mod selections;
pub(crate) mod tellings;
pub(crate) mod trees;
pub(crate) mod walk;
pub(crate) mod webhooks;

pub(crate) use self::fixture::{Fixture, report};

/// Every check, as one test each, for the ledger that `$fixture` makes: an expression of type
/// [`Fixture`], evaluated anew in each test. With `ignore = "reason"` the tests are reported as
/// ignored for that reason unless they are asked for.
macro_rules! suite {
    ($fixture:expr) => {
        $crate::ledger::conformance::every_check!(($fixture) ());
    };
    ($fixture:expr, ignore = $reason:literal) => {
        $crate::ledger::conformance::every_check!(($fixture) (#[ignore = $reason]));
    };
}

/// The one list.
macro_rules! every_check {
    ($fixture:tt $attributes:tt) => {
        $crate::ledger::conformance::tests_of! { $fixture $attributes
            entries {
                an_upload_is_read_by_path_and_by_id,
                an_upload_makes_the_folders_on_its_way,
                a_trailing_slash_finds_folders_only,
                names_are_compared_byte_for_byte,
                overwriting_condemns_the_version_before,
                overwriting_keeps_the_entry_and_moves_its_sequence,
                overwriting_keeps_tags_unless_it_brings_some,
                a_file_in_the_way_is_not_replaced_unasked,
                a_folder_is_never_replaced_by_a_file,
                a_file_on_the_way_is_named,
                a_refused_upload_makes_no_folders,
                an_upload_outside_the_prefix_is_refused,
                the_first_fault_of_an_upload_is_the_one_named,
                a_file_is_found_by_id_within_the_prefix_only,
                a_folder_is_not_found_as_a_file,
                an_empty_file_counts,
                a_conditional_version_meets_what_it_wants_or_is_refused,
            }
            intents {
                reserved_keys_are_fresh_and_rising,
                an_intent_is_consumed_once,
                the_sweep_takes_expired_intents_only,
                the_sweep_takes_no_more_than_its_limit,
                an_upload_behind_the_sweep_fails,
                the_sweep_never_takes_a_stored_file,
                an_abandoned_intent_is_condemned_at_once,
                abandoning_what_is_no_intent_changes_nothing,
                swept_blobs_touch_no_usage,
                inspection_lists_every_blob_as_it_stands,
            }
            locks {
                a_lock_is_set_and_lifted,
                a_lock_is_a_change_of_the_file,
                only_what_resolves_can_be_locked,
                a_locked_file_is_not_overwritten,
                a_locked_folder_takes_new_files_and_keeps_the_old,
                a_locked_file_refuses_the_whole_request,
                a_locked_file_is_skipped_and_named,
                nothing_below_a_locked_folder_goes,
                a_tree_around_a_locked_file_goes,
                a_tree_with_locks_is_refused_with_the_topmost_of_them,
                a_locked_folder_in_a_tree_stays_whole,
                a_survivor_can_be_deleted_again,
                a_locked_reserved_folder_covers_what_is_below,
                a_lock_holds_in_one_organization_only,
            }
            deletions {
                a_deleted_file_is_found_by_nothing,
                single_files_are_condemned_under_the_callers_lease,
                the_record_says_who_and_what,
                a_deletion_of_nothing_is_settled_at_once,
                a_missing_selector_refuses_the_whole_request,
                missing_selectors_are_counted,
                a_selector_that_means_something_else_finds_nothing,
                a_deleted_name_is_free_at_once,
                usage_moves_with_each_stage,
                a_preview_changes_nothing_and_does_not_lie,
                a_thousand_selectors_go_in_one_commit,
                each_deletion_counts_what_it_took_itself,
                a_version_overwritten_before_is_not_counted,
                a_missed_answer_is_given_once,
                a_refused_request_forgets_no_missed_answer,
                the_latest_missed_answer_is_the_one_remembered,
                what_lies_outside_the_prefix_is_not_deleted,
                an_empty_path_outside_the_prefix_is_outside,
                a_record_is_seen_from_its_prefix_upwards,
                a_key_may_delete_the_folder_of_its_prefix,
            }
            deletion_records {
                deletions_are_listed_in_the_order_of_their_commits,
                a_list_of_deletions_stands_while_others_are_committed,
                deletions_are_listed_by_what_they_are,
                deletions_are_listed_to_whoever_may_see_them,
                what_became_of_each_selector_is_kept,
                a_thousand_items_are_kept,
            }
            fences {
                a_plan_is_committed_as_it_was_made,
                what_is_uploaded_after_a_plan_stays,
                a_file_that_changed_stays,
                a_folder_that_changed_stays_whole,
                what_lies_below_a_changed_folder_has_changed,
                another_entry_in_the_place_stays,
                what_is_locked_after_a_plan_is_locked,
                a_folder_that_was_not_planned_stays,
                an_output_stored_after_a_plan_stays,
                a_filter_takes_what_its_plan_showed,
                a_commit_changes_nothing_of_what_it_leaves,
                a_plan_is_used_once,
                a_plan_is_seen_by_whom_it_concerns_until_it_expires,
                stored_plans_are_bounded,
                a_commit_looks_at_no_more_than_its_limit,
                plans_and_deletions_share_a_survivor,
            }
            overlaps {
                a_file_named_twice_counts_once,
                a_folder_takes_what_is_named_below_it,
                a_folder_named_twice_counts_once,
                names_that_begin_alike_do_not_overlap,
                what_is_not_there_does_not_overlap,
                an_output_named_twice_counts_once,
                a_folder_takes_the_outputs_below_it,
            }
            preconditions {
                an_entry_goes_by_its_identity,
                an_identity_that_names_nothing_live_is_missing,
                an_identity_opens_no_lock,
                identities_and_paths_overlap,
                what_lies_outside_the_prefix_is_forbidden,
                another_version_refuses_the_whole_request,
                another_version_is_spared_by_a_best_effort,
                a_precondition_holds_for_a_files_version_only,
                a_failed_precondition_leaves_the_file_to_other_selectors,
            }
            guard {
                a_request_beyond_the_guard_changes_nothing,
                a_guarded_request_goes_with_its_very_count,
                a_share_is_of_the_files_that_live,
                a_guard_counts_what_would_go,
                a_guard_speaks_last,
            }
            selections {
                files_are_selected_by_what_they_are,
                a_filters_prefix_ends_with_a_segment,
                a_filter_ends_at_the_realm,
                an_atomic_request_takes_a_bounded_number,
                a_filter_opens_no_lock,
                what_others_name_a_filter_leaves_to_them,
                no_precondition_holds_for_a_filter,
                a_best_effort_goes_on_in_steps,
                no_step_touches_what_is_newer,
                what_comes_with_a_folder_is_not_selected,
                moved_folders_are_met_once,
                what_goes_between_two_steps_is_not_counted,
                a_step_opens_no_lock,
                an_item_tells_how_its_filter_ended,
                an_item_tells_that_it_was_cancelled,
                a_cancelled_deletion_takes_no_more,
                a_deletion_is_cancelled_where_it_goes_on,
                a_deletion_out_of_sight_cannot_be_cancelled,
                selections_are_served_in_turn,
                a_preview_counts_what_steps_would_take,
                a_guard_counts_what_steps_would_take,
                a_selection_of_nothing_ends,
                a_selecting_step_without_time_does_something,
            }
            trees {
                a_deleted_folder_takes_all_below_it,
                siblings_with_similar_names_survive,
                an_empty_folder_goes,
                a_step_without_time_does_something,
                what_is_uploaded_after_a_deletion_survives_it,
                what_is_uploaded_into_a_survivor_survives,
                uploads_between_two_steps_survive,
                overwriting_after_a_deletion_condemns_the_new_version_only,
                a_tree_may_be_deleted_before_the_last_is_expanded,
                a_tree_does_not_count_what_had_gone_before,
                three_thousand_files_are_expanded_in_steps,
                expanded_batches_are_leased_to_the_step,
                organizations_are_expanded_in_turn,
                the_oldest_deletion_is_expanded_first,
                reserved_folders_stay,
                reserved_names_are_ordinary_below_the_top,
                a_deep_tree_goes,
            }
            folders {
                a_folder_is_made_with_those_above_it,
                a_folder_is_made_only_where_nothing_is,
                a_folder_may_be_made_below_a_locked_one,
                a_folder_takes_a_doomed_name,
                a_folder_that_holds_something_may_be_spared,
                children_are_listed_in_the_order_of_their_names,
                a_list_of_children_stands_while_entries_come_and_go,
                a_continuation_is_good_for_its_folder_only,
                only_a_folder_in_sight_has_children,
                doomed_children_are_not_listed,
                tags_are_changed_and_nothing_else_is,
                only_a_file_in_sight_is_tagged,
            }
            moves {
                a_moved_file_keeps_all_but_its_place,
                a_moved_folder_takes_all_below_it,
                a_folder_may_go_up,
                a_refused_move_changes_nothing,
                a_move_ends_at_the_prefix,
                nothing_locked_is_moved,
                reserved_folders_are_not_moved,
                a_path_may_become_as_long_as_a_path_may_be,
                a_move_looks_at_no_more_than_its_limits,
                a_file_moved_into_a_survivor_outlives_the_deletion,
                a_file_moved_to_a_doomed_name_replaces_the_doomed_row,
                what_is_doomed_does_not_move,
                a_survivor_may_move_before_it_is_expanded,
                a_tree_that_is_partly_marked_is_out_of_reach,
                a_moved_output_stays_its_commands,
            }
            purge {
                who_lost_a_lease_settles_nothing,
                a_lost_lease_cannot_put_a_batch_off,
                an_expired_lease_settles_while_nobody_else_has_it,
                settling_again_changes_nothing,
                kept_blobs_are_tried_again_later,
                a_lease_ends_when_it_is_settled,
                a_settlement_adds_nothing_to_a_batch,
                due_batches_are_leased_oldest_first_and_bounded,
                a_batch_larger_than_the_bound_is_leased_whole,
                a_deletion_settles_with_its_last_batch,
                a_deletion_is_not_settled_before_it_is_expanded,
                organizations_share_the_queue_and_nothing_else,
                an_empty_queue_has_nothing_due,
            }
            commands {
                a_command_lists_its_outputs_by_key,
                deleting_outputs_closes_the_command,
                deleting_outputs_again_takes_nothing,
                a_locked_output_refuses_the_whole_request,
                an_output_deleted_by_itself_is_not_counted_again,
                the_link_to_a_command_ends_with_an_ordinary_overwrite,
                an_output_passes_to_the_command_that_overwrites_it,
                an_output_moved_away_and_stored_again_goes_twice,
                a_command_with_an_output_outside_the_prefix_is_hidden,
                a_missed_answer_for_outputs_is_given_once,
                an_output_needs_its_own_organizations_command,
            }
            keepsakes {
                an_upload_through_renderio_is_known_after_every_kind_of_deletion,
                what_is_doomed_is_known_as_deleted_before_it_is_expanded,
                an_ordinary_file_leaves_nothing,
                an_overwritten_upload_is_known_by_what_lies_there_until_that_is_gone,
                an_output_is_known_by_its_file_after_its_deletion,
                an_output_stored_again_is_kept_once,
                what_was_kept_is_in_no_other_answer,
                files_and_keepsakes_are_listed_together_newest_first,
                a_page_of_known_files_is_full_unless_it_is_the_last,
                a_keepsake_is_seen_from_its_prefix_upwards,
                a_live_file_is_known_where_it_lies,
                foreign_keepsakes_are_not_known,
                commands_are_listed_newest_first_and_by_status,
                a_page_of_commands_is_full_unless_it_is_the_last,
            }
            isolation {
                a_foreign_file_cannot_be_read,
                a_foreign_file_cannot_be_deleted,
                a_foreign_entry_cannot_be_locked,
                equal_paths_are_different_entries,
                foreign_records_cannot_be_read,
                foreign_missed_answers_are_not_joined,
                files_elsewhere_are_told_by_existence_only,
            }
            listing {
                files_are_listed_newest_first,
                pages_cut_the_list_and_tell_its_length,
                files_are_listed_by_kind,
                files_are_listed_by_any_of_several_tags,
                files_are_listed_by_text_in_title_or_tags,
                conditions_of_a_query_hold_together,
                a_list_ends_at_the_prefix,
                doomed_files_are_not_listed,
            }
            allowance {
                accepted_requests_use_up_the_allowance,
                the_window_of_an_allowance_rolls,
                a_lowered_limit_tells_when_the_next_is_accepted,
                a_clock_that_goes_back_locks_nobody_out,
                a_request_over_the_allowance_deletes_nothing,
                only_accepted_requests_are_counted,
                allowances_are_apart,
            }
            plans {
                a_quota_of_bytes_is_exact_at_its_edge,
                a_quota_of_files_counts_what_is_new,
                an_overwrite_counts_the_difference_against_the_quota,
                a_deletion_makes_room_at_once,
                of_uploads_that_race_for_the_last_room_some_get_it_and_no_more,
                a_backlog_refuses_uploads_until_it_is_purged,
                a_refusal_by_the_plan_changes_nothing,
                a_file_is_measured_by_its_size_and_type_too,
                a_plan_holds_for_those_who_have_it,
                room_is_told_before_the_bytes_come,
                no_quota_keeps_anything_from_being_deleted,
            }
            organizations {
                an_organization_begins_with_its_folders,
                organizations_are_listed_in_order,
                a_disabled_organization_shows_at_its_keys,
                a_key_is_found_by_hash_and_by_id,
                a_key_needs_its_organization,
                keys_are_listed_in_order,
                a_revoked_key_says_so,
                a_secret_stays_what_it_was,
                usage_beneath_a_prefix_is_what_lives_there,
            }
            once {
                a_command_is_made_once,
                organizations_and_keys_are_made_once,
                a_deletion_happens_once_and_a_refusal_is_no_effect,
                of_repeats_at_once_one_has_its_effect,
                a_plan_is_kept_once,
                a_deletion_is_cancelled_once,
                old_effects_are_forgotten_in_steps,
            }
            registry {
                organizations_come_by_pages,
                an_organization_changes_where_it_is_given,
                keys_come_by_pages_as_the_realm_sees_them,
                a_rotated_key_has_another_secret_and_one_that_ends,
                a_key_is_rotated_once_and_not_after_its_end,
            }
            reports {
                commands_come_by_pages_and_none_twice,
                pages_of_a_status_are_full_of_what_the_realm_sees,
                a_report_changes_where_it_is_given,
                a_report_is_not_changed_from_outside,
            }
            attach {
                many_files_become_live_together,
                one_file_that_is_refused_spares_the_tree_all_others,
                what_fits_no_tree_is_refused_by_itself,
                a_file_is_attached_over_another_only_where_it_may,
                a_locked_file_refuses_all_that_would_be_attached,
                what_lies_beyond_the_prefix_is_not_attached,
                a_path_that_must_be_vacant_refuses_all,
                folders_are_made_where_they_are_not,
                a_source_that_changed_refuses_the_copy,
                a_copy_is_of_what_the_realm_sees,
                an_expired_intent_refuses_all_and_the_others_stay,
                a_renewed_intent_lives_longer_and_never_shorter,
                what_is_attached_after_a_deletion_survives_it,
                ten_thousand_files_are_attached_and_no_more,
                what_is_overwritten_together_counts_as_backlog,
            }
            resumable {
                an_upload_in_pieces_becomes_a_version,
                an_upload_in_pieces_is_seen_where_its_path_is,
                a_refused_upload_in_pieces_can_be_finished_later,
                an_upload_that_is_given_up_is_condemned,
                an_upload_in_pieces_expires,
                unfinished_uploads_are_bounded_in_number,
                an_upload_is_begun_once,
            }
            change {
                entries_of_both_kinds_are_found_by_identity,
                an_identity_is_found_where_the_realm_sees_it,
                what_is_doomed_is_not_found_by_its_identity,
                a_change_does_all_that_is_asked,
                a_change_leaves_what_it_does_not_name,
                a_refused_change_changes_nothing,
                a_folder_is_made_once,
            }
            gauges {
                an_empty_ledger_reads_zero,
                gauges_follow_a_deletion_to_its_end,
                the_oldest_batch_is_as_old_as_its_condemnation,
                a_ledger_that_can_write_says_so,
            }
            tellings {
                a_deletion_that_settles_is_told,
                a_deletion_of_nothing_is_told,
                a_cancelled_deletion_is_told,
                a_purge_that_keeps_failing_is_told_once,
                a_webhook_hears_what_it_asked_for,
            }
            webhooks {
                webhooks_are_made_and_listed,
                a_webhook_changes_where_it_is_given,
                due_messages_are_leased_in_rounds,
                who_lost_a_round_settles_nothing,
                a_message_is_tried_until_it_is_dead_and_can_begin_anew,
                a_webhook_that_is_gone_is_switched_off,
                webhooks_are_served_in_turn,
                messages_are_bounded_in_number,
                messages_come_by_pages,
            }
            walk {
                a_walk_meets_everything_below_in_order,
                pages_of_any_size_make_the_same_walk,
                a_walk_goes_no_deeper_than_it_is_asked,
                doomed_files_are_not_met,
                pages_go_no_deeper_than_the_walk,
                a_page_begins_where_the_last_entry_was_though_it_is_gone,
                a_walk_begins_at_a_folder_that_the_realm_sees,
            }
        }
    };
}

macro_rules! tests_of {
    ($fixture:tt $attributes:tt $($topic:ident { $($check:ident,)* })*) => {
        $($($crate::ledger::conformance::test_of!($fixture $attributes $topic $check);)*)*
    };
}

macro_rules! test_of {
    (($fixture:expr) ($($attribute:tt)*) $topic:ident $check:ident) => {
        #[tokio::test]
        $($attribute)*
        async fn $check() {
            $crate::ledger::conformance::$topic::$check($fixture).await;
        }
    };
}

pub(crate) use {every_check, suite, test_of, tests_of};
