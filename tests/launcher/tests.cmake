# Tests of launcher/.
cogdist_test(launcher/agreement)
cogdist_test(launcher/append_file)
cogdist_test(launcher/bench/benchmark_report)
cogdist_test(launcher/bench/collective_benchmarks)
cogdist_test(launcher/bench/kernel_benchmarks)
cogdist_test(launcher/convert/checkpoint_export
  LIBS cogdist_testing nlohmann_json::nlohmann_json)
cogdist_test(launcher/convert/model_json)
cogdist_test(launcher/convert/weight_import LIBS nlohmann_json::nlohmann_json)
cogdist_test(launcher/device_choice)
cogdist_test(launcher/diagnostics)
cogdist_test(launcher/evaluator)
cogdist_test(launcher/event_file)
cogdist_test(launcher/generator)
cogdist_test(launcher/human_format)
cogdist_test(launcher/layouts/communication_bytes)
cogdist_test(launcher/layouts/memory_plan)
cogdist_test(launcher/layouts/random_layout)
cogdist_test(launcher/memory_check)
cogdist_test(launcher/metrics_log LIBS nlohmann_json::nlohmann_json)
cogdist_test(launcher/model_runner)
cogdist_test(launcher/peak_flops)
cogdist_test(launcher/prepare)
cogdist_test(launcher/progress)
cogdist_test(launcher/rank_log)
cogdist_test(launcher/rank_program)
cogdist_test(launcher/resume LIBS cogdist_testing)
cogdist_test(launcher/roofline/attention_cost)
cogdist_test(launcher/roofline/gpu_specs)
cogdist_test(launcher/roofline/kernel_cost)
cogdist_test(launcher/roofline/roofline)
cogdist_test(launcher/roofline/roofline_report)
cogdist_test(launcher/run_description)
cogdist_test(launcher/run_directory)
cogdist_test(launcher/run_reporter LIBS nlohmann_json::nlohmann_json)
cogdist_test(launcher/run_summary)
cogdist_test(launcher/sampler)
cogdist_test(launcher/shared_memory_check)
cogdist_test(launcher/step_waits)
cogdist_test(launcher/stop_request)
cogdist_test(launcher/token_staging)
cogdist_test(launcher/trainer LIBS cogdist_testing)
cogdist_test(launcher/training_step)
cogdist_test(launcher/checkpointing LIBS cogdist_testing)
cogdist_test(launcher/command_line)
cogdist_test(launcher/config)
cogdist_test(launcher/config_changes)
cogdist_test(launcher/config_override)
cogdist_test(launcher/config_reference)
cogdist_test(launcher/configs)
cogdist_test(launcher/validate)
cogdist_test(launcher/value_statistics)

target_compile_definitions(launcher_config_reference_test PRIVATE
  COGDIST_RUN_CONFIG_DESCRIPTOR="${CMAKE_BINARY_DIR}/proto/run_config.pb.desc")

# More of the same than every test run has time for.
add_test(NAME launcher/layouts/random_layout_slow
  COMMAND launcher_layouts_random_layout_test)
set_tests_properties(launcher/layouts/random_layout_slow PROPERTIES
  LABELS slow TIMEOUT 1200 ENVIRONMENT
  "OMP_WAIT_POLICY=passive;COGDIST_RANDOM_DRAWS=200;COGDIST_RANDOM_SEED=1000")

# On virtual GPUs.
cogdist_test(launcher/gpu_step LABELS virtual LIBS cogdist_cuda_on_vgpu)
cogdist_test(launcher/gpu_random_layout LABELS virtual LIBS cogdist_cuda_on_vgpu)
add_test(NAME launcher/gpu_random_layout_slow
  COMMAND launcher_gpu_random_layout_test)
set_tests_properties(launcher/gpu_random_layout_slow PROPERTIES
  LABELS slow TIMEOUT 1800 ENVIRONMENT
  "OMP_WAIT_POLICY=passive;COGDIST_RANDOM_DRAWS=200;COGDIST_RANDOM_SEED=1000")

# These run the program itself.
cogdist_test(launcher/bad_input)
cogdist_test(launcher/bench_program)
cogdist_test(launcher/checkpoint_commands LIBS cogdist_testing)
cogdist_test(launcher/program LABELS mpi LIBS nlohmann_json::nlohmann_json)
cogdist_test(launcher/convert_program LABELS mpi)
cogdist_test(launcher/failure LABELS mpi)
cogdist_test(launcher/failure_layouts LABELS mpi
  LIBS nlohmann_json::nlohmann_json)
cogdist_test(launcher/layouts_program LABELS mpi
  LIBS nlohmann_json::nlohmann_json)
cogdist_test(launcher/many_ranks LABELS mpi LIBS nlohmann_json::nlohmann_json)
cogdist_test(launcher/resume_program LABELS mpi
  LIBS nlohmann_json::nlohmann_json)
foreach(name bad_input bench_program checkpoint_commands convert_program failure
    failure_layouts layouts_program many_ranks program resume_program)
  add_dependencies(launcher_${name}_test cogdist)
  target_compile_definitions(launcher_${name}_test PRIVATE
    COGDIST_BINARY="$<TARGET_FILE:cogdist>")
endforeach()
# Ranks that have to be told from slow ones get the machine for themselves.
set_tests_properties(launcher/failure launcher/failure_layouts
  PROPERTIES RUN_SERIAL TRUE)
