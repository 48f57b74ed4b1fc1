#include "bindings/layer_table.hpp"

#include "bindings/arrays.hpp"

#include <pybind11/stl.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

namespace deltarule::bindings {
namespace {

template <class Value>
Value read(const py::handle& given) {
  if constexpr (std::is_same_v<Value, std::vector<EmbeddedColumn>>) {
    std::vector<EmbeddedColumn> columns;
    for (const auto& [column, categories, dimension] :
         given.cast<std::vector<std::tuple<Index, Index, Index>>>())
      columns.push_back({column, categories, dimension});
    return columns;
  } else if constexpr (std::is_same_v<Value, Bins>) {
    Bins bins;
    for (const auto& [column, edges] :
         given.cast<std::vector<std::tuple<Index, std::vector<double>>>>())
      bins.add(column, edges);
    return bins;
  } else if constexpr (std::is_same_v<Value, PeriodicForm>) {
    const auto name = given.cast<std::string>();
    if (name == "plr") return PeriodicForm::plr;
    if (name == "pbld") return PeriodicForm::pbld;
    if (name == "cosine") return PeriodicForm::cosine;
    throw py::value_error("unknown form '" + name + "': expected one of plr, pbld, cosine");
  } else {
    return given.cast<Value>();
  }
}

template <class K>
Kind kind_of(const py::dict& described) {
  K kind;
  std::apply(
      [&](const auto&... fields) {
        ((kind.*fields.value =
              read<std::remove_cvref_t<decltype(kind.*fields.value)>>(described[fields.name])),
         ...);
      },
      K::fields);
  return kind;
}

// The kind of that name among the alternatives of Kind, which are the table.
template <class... Kinds>
Kind kind_named(const std::string& name, const py::dict& described, std::variant<Kinds...>*) {
  Kind found;
  std::string names;
  const auto try_kind = [&]<class K>(std::type_identity<K>) {
    names += (names.empty() ? "" : ", ") + std::string(K::name);
    if (name != K::name) return false;
    found = kind_of<K>(described);
    return true;
  };
  if (!(try_kind(std::type_identity<Kinds>{}) || ...))
    throw py::value_error("unknown kind of layer '" + name + "': expected one of " + names);
  return found;
}

}  // namespace

Layer layer_of(const py::dict& described) {
  const auto name = described["kind"].cast<std::string>();
  Layer layer{kind_named(name, described, static_cast<Kind*>(nullptr))};
  if (described.contains("activation"))
    layer.activation = activation_of(described["activation"].cast<std::string>());
  return layer;
}

}  // namespace deltarule::bindings
